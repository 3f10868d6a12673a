/* SPDX-License-Identifier: BSD-2-Clause */
/* Differences between C libraries, and what replaces functions that only glibc has. */
#ifndef DIVERTSHIM_LIBC_H
#define DIVERTSHIM_LIBC_H

#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_SINGLE_THREADED
#include <sys/single_threaded.h>
#endif

/* Types that differ between C libraries: ioctl()'s second argument, the flags of sendmmsg(). */
typedef __typeof__(_Generic(&ioctl, int (*)(int, int, ...) : 0, default : 0ul)) ioctl_request;
typedef __typeof__(_Generic(&sendmmsg, int (*)(int, struct mmsghdr *, unsigned, unsigned) : 0u,
                            default : 0)) mmsg_flags;

/* The text for errno value err, in English. Async-signal-safe. */
static inline const char *libc_error_text(int err)
{
#ifdef HAVE_STRERRORDESC_NP
    return strerrordesc_np(err);
#else
    return strerror(err); /* async-signal-safe in musl */
#endif
}

/* Whether this is the only thread; false if unsure. */
static inline bool libc_is_single_threaded(void)
{
#ifdef HAVE_SINGLE_THREADED
    return __libc_single_threaded;
#else
    struct stat st;       /* a link for each thread and two for the directory */

    return stat("/proc/self/task", &st) == 0 && st.st_nlink == 3;
#endif
}

/* This thread's number. musl's gettid() gives the parent's in a child of a raw clone(2). */
static inline pid_t libc_gettid(void)
{
    return (pid_t)syscall(SYS_gettid);
}

/* close_range(2), which not all C libraries have. Returns -1 and errno. */
static inline int libc_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

#endif
