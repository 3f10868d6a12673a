/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls of the C library that fail by plan. */
#include "fail.h"

#include "common/libc.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct fail_plan *plan;
static _Atomic bool armed;

void fail_use(struct fail_plan *p)
{
    plan = p;
}

void fail_arm(bool on)
{
    atomic_store(&armed, on);
}

static struct fail_count *count_of(const char *name)
{
    for (int i = 0; i < FAIL_CALLS - 1; i++) {
        struct fail_count *c = &plan->count[i];

        if (!c->name[0])
            strncpy(c->name, name, sizeof(c->name) - 1);
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return &plan->count[FAIL_CALLS - 1];
}

/* Does this call fail? If so, sets errno. */
static bool fails(const char *name)
{
    unsigned n;

    if (!plan || !atomic_load(&armed))
        return false;
    n = __atomic_add_fetch(&count_of(name)->calls, 1, __ATOMIC_RELAXED);
    if (!plan->error || strcmp(name, plan->name) != 0 ||
        (plan->for_ever ? n < plan->nth : n != plan->nth))
        return false;
    __atomic_add_fetch(&plan->hits, 1, __ATOMIC_RELAXED);
    errno = plan->error;
    return true;
}

static void *next(void **slot, const char *name)
{
    if (!*slot)
        *slot = dlsym(RTLD_NEXT, name);
    return *slot;
}

/* The C library's own function of this name. */
#define NEXT(name)          \
    static void *slot;      \
    __typeof__(name) *call; \
    memcpy(&call, &(void *){next(&slot, #name)}, sizeof(call))

#define FAIL(result, name, params, args)              \
    result name params                                \
    {                                                 \
        NEXT(name);                                   \
        return fails(#name) ? (result)-1 : call args; \
    }

/* clang-format off */
FAIL(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAIL(int, bind, (int fd, const struct sockaddr *a, socklen_t len), (fd, a, len))
FAIL(int, connect, (int fd, const struct sockaddr *a, socklen_t len), (fd, a, len))
FAIL(int, getsockopt, (int fd, int level, int name, void *v, socklen_t *len), (fd, level, name, v, len))
FAIL(int, setsockopt, (int fd, int level, int name, const void *v, socklen_t len), (fd, level, name, v, len))
FAIL(ssize_t, read, (int fd, void *p, size_t len), (fd, p, len))
FAIL(ssize_t, write, (int fd, const void *p, size_t len), (fd, p, len))
FAIL(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
FAIL(ssize_t, send, (int fd, const void *p, size_t len, int flags), (fd, p, len, flags))
FAIL(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
FAIL(ssize_t, recv, (int fd, void *p, size_t len, int flags), (fd, p, len, flags))
FAIL(int, recvmmsg, (int fd, struct mmsghdr *m, unsigned n, mmsg_flags flags, struct timespec *t), (fd, m, n, flags, t))
FAIL(int, poll, (struct pollfd *p, nfds_t n, int timeout), (p, n, timeout))
FAIL(int, ppoll, (struct pollfd *p, nfds_t n, const struct timespec *t, const sigset_t *mask), (p, n, t, mask))
FAIL(int, epoll_create1, (int flags), (flags))
FAIL(int, epoll_ctl, (int epoll, int op, int fd, struct epoll_event *e), (epoll, op, fd, e))
FAIL(int, epoll_wait, (int epoll, struct epoll_event *e, int max, int timeout), (epoll, e, max, timeout))
FAIL(int, eventfd, (unsigned count, int flags), (count, flags))
FAIL(int, memfd_create, (const char *name, unsigned flags), (name, flags))
FAIL(int, ftruncate, (int fd, off_t len), (fd, len))
FAIL(void *, mmap, (void *at, size_t len, int prot, int flags, int fd, off_t off), (at, len, prot, flags, fd, off))
FAIL(pid_t, fork, (void), ())
/* clang-format on */

#ifdef __GLIBC__
int getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
#else
int getrlimit(int resource, struct rlimit *limit)
#endif
{
    NEXT(getrlimit);
    return fails("getrlimit") ? -1 : call(resource, limit);
}

/* As on Linux, the descriptor is closed nevertheless. */
int close(int fd)
{
    bool fail = fails("close");
    int error = errno;

    NEXT(close);
    if (!fail)
        return call(fd);
    call(fd);
    errno = error;
    return -1;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    NEXT(pthread_create);
    return fails("pthread_create") ? errno : call(thread, attr, run, arg);
}

/*
 * The last argument of these calls is a number or a pointer, and is passed in one register either
 * way.
 */
static long last_argument(va_list args)
{
    return va_arg(args, long);
}

#define FAIL_LAST(name, first, first_name, type)                    \
    int name(first first_name, type request, ...)                   \
    {                                                               \
        va_list args;                                               \
        long last;                                                  \
        NEXT(name);                                                 \
        va_start(args, request);                                    \
        last = last_argument(args);                                 \
        va_end(args);                                               \
        return fails(#name) ? -1 : call(first_name, request, last); \
    }

FAIL_LAST(fcntl, int, fd, int)
FAIL_LAST(ioctl, int, fd, ioctl_request)
FAIL_LAST(open, const char *, path, int)

int prctl(int option, ...)
{
    va_list args;
    long a[4];

    NEXT(prctl);
    va_start(args, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    return fails("prctl") ? -1 : call(option, a[0], a[1], a[2], a[3]);
}

static const char *name_of(long number)
{
    switch (number) {
    case SYS_bpf:
        return "bpf";
    case SYS_capget:
        return "capget";
    case SYS_capset:
        return "capset";
    case SYS_futex:
        return "futex";
    case SYS_pidfd_open:
        return "pidfd_open";
    default:
        return "syscall";
    }
}

long syscall(long number, ...)
{
    va_list args;
    long a[6];

    NEXT(syscall);
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    return fails(name_of(number)) ? -1 : call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
