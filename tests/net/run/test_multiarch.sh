#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# With libraries for several architectures, each program gets its own.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

[[ $(uname -m) == x86_64 && -e /lib/x86_64-linux-gnu/libc.so.6 ]] || skip 'this is no Debian of amd64'
need_divert_run
hosts_make

LIB=$SCRATCH/usr/lib
OWN=$LIB/x86_64-linux-gnu/libdivertshim.so
OTHER=$LIB/i386-linux-gnu/libdivertshim.so
mkdir -p "${OWN%/*}" "${OTHER%/*}" "$SCRATCH/usr/bin"
cp "$DIVERT_RUN" "$SCRATCH/usr/bin"
cp "$LIBRARY" "$OWN"

# A 32-bit ELF header for i386, and nothing after it.
narrow_program() {
    printf '\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\3\0\3\0\1\0\0\0%0100d' 0 >"$1"
    chmod 755 "$1"
}

# run_installed COMMAND...
run_installed() {
    in_ns "$ROUTER" "$SCRATCH/usr/bin/divert-run" -r 'divert 700 icmp from any to any' -- "$@" 2>&1
}

# preloaded: which library the shell is told to load, and whether it has loaded it.
preloaded() {
    # shellcheck disable=SC2016
    run_installed bash -c 'echo "$LD_PRELOAD"; grep -o -m 1 "/[^/]*-linux-gnu/libdivertshim.so$" /proc/self/maps'
}

test_one_kind_of_library() {
    rm -f "$OTHER"
    expect_equal 'one kind of library' "$OWN"$'\n/x86_64-linux-gnu/libdivertshim.so' "$(preloaded)"
    expect_contains 'a program of another kind' 'it is a 32-bit program' "$(run_installed "$SCRATCH/narrow")"
}

test_two_kinds_of_library() {
    narrow_program "$OTHER"
    expect_equal 'two kinds of library' "$SCRATCH/usr/\$LIB/libdivertshim.so"$'\n/x86_64-linux-gnu/libdivertshim.so' \
        "$(preloaded)"
}

narrow_program "$SCRATCH/narrow"
run_tests test_one_kind_of_library test_two_kinds_of_library
expect_no_rules "$ROUTER"
finish
