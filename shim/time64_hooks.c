/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks for programs with 64-bit time where long has 32 bits: see time64.h. Timeouts fit into the
 * 32-bit structures as well, so the 32-bit call does the work.
 */
#include "hook.h"

#include "divert/rights.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>

static long narrow_seconds(int64_t seconds)
{
    if (seconds > LONG_MAX)
        return LONG_MAX;
    return seconds < 0 ? -1 : (long)seconds; /* the 32-bit call refuses it */
}

/* NULL if there is no timeout; room is for the other case. */
static struct timespec *narrow_time(const struct timespec64 *timeout, struct timespec *room)
{
    if (!timeout)
        return NULL;
    *room = (struct timespec){narrow_seconds(timeout->tv_sec), timeout->tv_nsec};
    return room;
}

HOOK int __ppoll64(struct pollfd *fds, nfds_t count, const struct timespec64 *timeout,
                   const sigset_t *mask)
{
    struct timespec room;

    return ppoll(fds, count, narrow_time(timeout, &room), mask);
}

/* Declared by libc's headers only with _FORTIFY_SOURCE. */
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t room);

HOOK int __ppoll64_chk(struct pollfd *fds, nfds_t count, const struct timespec64 *timeout,
                       const sigset_t *mask, size_t size)
{
    struct timespec room;

    return __ppoll_chk(fds, count, narrow_time(timeout, &room), mask, size);
}

/* The remaining time is returned in timeout. */
HOOK int __select64(int nfds, fd_set *r, fd_set *w, fd_set *e, struct timeval64 *timeout)
{
    struct timeval narrow;
    int64_t more;
    int n;

    if (!timeout)
        return select(nfds, r, w, e, NULL);
    if (timeout->tv_usec < 0)
        return (int)as_result(-EINVAL);
    more = timeout->tv_usec / 1000000;
    narrow.tv_sec = narrow_seconds(timeout->tv_sec < 0 ? -1 : timeout->tv_sec + more);
    narrow.tv_usec = timeout->tv_usec % 1000000;
    n = select(nfds, r, w, e, &narrow);
    *timeout = (struct timeval64){narrow.tv_sec, narrow.tv_usec};
    return n;
}

HOOK int __pselect64(int nfds, fd_set *r, fd_set *w, fd_set *e, const struct timespec64 *timeout,
                     const sigset_t *mask)
{
    struct timespec room;

    return pselect(nfds, r, w, e, narrow_time(timeout, &room), mask);
}

HOOK int __epoll_pwait2_time64(int epoll, struct epoll_event *events, int max,
                               const struct timespec64 *timeout, const sigset_t *mask)
{
    struct timespec room;

    return epoll_pwait2(epoll, events, max, narrow_time(timeout, &room), mask);
}

/* For other sockets libc adds timestamps in both formats. */
HOOK ssize_t __recvmsg64(int fd, struct msghdr *msg, int flags)
{
    ssize_t n;

    if (fdtable_special(fd))
        return recvmsg(fd, msg, flags);
    divert_before_foreign_wait();
    n = real.__recvmsg64(fd, msg, flags);
    if (n >= 0 && msg->msg_control && msg->msg_controllen)
        rights_unpack(msg);
    return n;
}

HOOK int __recvmmsg64(int fd, struct mmsghdr *messages, unsigned count, int flags,
                      struct timespec64 *timeout)
{
    struct timespec room;
    int n;

    if (fdtable_special(fd))
        return recvmmsg(fd, messages, count, flags, narrow_time(timeout, &room));
    divert_before_foreign_wait();
    n = real.__recvmmsg64(fd, messages, count, flags, timeout);
    for (int i = 0; i < n; i++) {
        if (messages[i].msg_hdr.msg_control && messages[i].msg_hdr.msg_controllen)
            rights_unpack(&messages[i].msg_hdr);
    }
    return n;
}

/*
 * The other calls do not depend on the size of time: options and requests have numbers of their
 * own.
 */
HOOK ssize_t __sendmsg64(int fd, const struct msghdr *msg, int flags)
{
    return sendmsg(fd, msg, flags);
}

HOOK int __sendmmsg64(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    return sendmmsg(fd, messages, count, flags);
}

HOOK int __getsockopt64(int fd, int level, int name, void *value, socklen_t *len)
{
    return getsockopt(fd, level, name, value, len);
}

HOOK int __setsockopt64(int fd, int level, int name, const void *value, socklen_t len)
{
    return setsockopt(fd, level, name, value, len);
}

/* The argument of a variadic call: a number or a pointer, one word. */
#define ARGUMENT_BEHIND(last)            \
    ({                                   \
        va_list list;                    \
        void *argument;                  \
                                         \
        va_start(list, last);            \
        argument = va_arg(list, void *); \
        va_end(list);                    \
        argument;                        \
    })

HOOK int __fcntl_time64(int fd, int command, ...)
{
    return fcntl64(fd, command, ARGUMENT_BEHIND(command));
}

HOOK int __ioctl_time64(int fd, unsigned long request, ...)
{
    return ioctl(fd, request, ARGUMENT_BEHIND(request));
}

HOOK int __prctl_time64(int option, ...)
{
    unsigned long arg[4];
    va_list args;

    va_start(args, option);
    for (int i = 0; i < 4; i++)
        arg[i] = va_arg(args, unsigned long);
    va_end(args);
    return prctl(option, arg[0], arg[1], arg[2], arg[3]);
}
