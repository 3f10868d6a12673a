# SPDX-License-Identifier: BSD-2-Clause
# Debian's cross compiler for ARCH_TRIPLET, and the libraries of that machine by multiarch. Programs
# run in ARCH_EMULATOR.
set(CMAKE_SYSTEM_NAME Linux)
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR $ENV{ARCH_TRIPLET})
set(CMAKE_C_COMPILER $ENV{ARCH_TRIPLET}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE $ENV{ARCH_TRIPLET})
set(CMAKE_CROSSCOMPILING_EMULATOR $ENV{ARCH_EMULATOR})
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/$ENV{ARCH_TRIPLET}/pkgconfig:/usr/share/pkgconfig)
