/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs compiled for 64-bit time on machines whose long has 32 bits. There glibc has two
 * functions for each call that takes a time, and this library hooks both. The library itself is
 * compiled for 32-bit time, whose functions have the plain names.
 */
#ifndef DIVERTSHIM_TIME64_H
#define DIVERTSHIM_TIME64_H

#ifdef HAVE_TIME64

#include <stdint.h>
#include <sys/socket.h>

struct timespec64 {
    int64_t tv_sec;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    int32_t unused, tv_nsec;
#else
    int32_t tv_nsec, unused;
#endif
};

struct timeval64 {
    int64_t tv_sec, tv_usec;
};

/* The functions that cannot be replaced by their 32-bit variants. */
#define REAL_TIME64_CALLS(CALL)                                                          \
    CALL(ssize_t, __recvmsg64, (int, struct msghdr *, int))                              \
    CALL(int, __recvmmsg64, (int, struct mmsghdr *, unsigned, int, struct timespec64 *)) \
    CALL(int, __fstat64_time64, (int, void *))                                           \
    CALL(int, __fstatat64_time64, (int, const char *, void *, int))

#else
#define REAL_TIME64_CALLS(CALL)
#endif

#endif
