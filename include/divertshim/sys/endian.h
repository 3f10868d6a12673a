/* divertshim: <sys/endian.h> of libbsd, or of glibc, with FreeBSD's names for swapping bytes. */
#ifndef DIVERTSHIM_SYS_ENDIAN_H
#define DIVERTSHIM_SYS_ENDIAN_H

#pragma GCC system_header
#include <endian.h>
#include <sys/types.h>
#if __has_include_next(<sys/endian.h>)
#include_next <sys/endian.h>
#endif

#define bswap16(x) __builtin_bswap16(x)
#define bswap32(x) __builtin_bswap32(x)
#define bswap64(x) __builtin_bswap64(x)

#endif
