/* SPDX-License-Identifier: BSD-2-Clause */
/* Hooks of socket(2) and of calls on a socket that neither move packets nor wait. */
#include "hook.h"

#include "bsd/route_socket.h"
#include "bsd/user_cookie.h"

#include <asm/sockios.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/ioctl.h>

HOOK int socket(int domain, int type, int protocol)
{
    struct divert_socket *s;
    int fd, err;

    if (__builtin_expect(domain == ROUTE_FAMILY, 0))
        return (int)as_result(route_open(type, protocol));
    if (__builtin_expect(!divert_wanted(domain, type, protocol), 1))
        return real.socket(domain, type, protocol);
    err = divert_open(domain, type, protocol, &fd, &s);
    if (!err) {
        err = fdtable_set_divert(fd, (struct fd_object *)s);
        if (!err)
            return fd;
        real.close(fd);
        divert_release(s);
    }
    errno = -err;
    return -1;
}

HOOK int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        return real.bind(fd, address, len);
    return (int)finish(s, divert_bind(s, address, len));
}

HOOK int getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        return real.getsockname(fd, address, len);
    return (int)finish(s, divert_getsockname(s, address, len));
}

HOOK int getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        return real.getpeername(fd, address, len);
    return (int)finish(s, -ENOTCONN);
}

HOOK int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct divert_socket *s = divert_find(fd);

    if (!s && __builtin_expect(user_cookie_is(level, name), 0))
        return (int)as_result(user_cookie_get(fd, value, len));
    if (!s)
        return real.getsockopt(fd, level, name, value, len);
    return (int)finish(s, divert_getsockopt(s, level, name, value, len));
}

HOOK int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    struct divert_socket *s = divert_find(fd);

    if (!s && __builtin_expect(user_cookie_is(level, name), 0))
        return (int)as_result(user_cookie_set(fd, value, len));
    if (!s)
        return real.setsockopt(fd, level, name, value, len);
    return (int)finish(s, divert_setsockopt(s, level, name, value, len));
}

HOOK int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s)
        return real.connect(fd, address, len);
    return (int)finish(s, -EOPNOTSUPP);
}

HOOK int listen(int fd, int backlog)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s)
        return real.listen(fd, backlog);
    return (int)finish(s, -EOPNOTSUPP);
}

HOOK int accept(int fd, struct sockaddr *address, socklen_t *len)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s)
        return real.accept(fd, address, len);
    return (int)finish(s, -EINVAL); /* it does not listen */
}

HOOK int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s)
        return real.accept4(fd, address, len, flags);
    return (int)finish(s, -EINVAL);
}

HOOK int shutdown(int fd, int how)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        return real.shutdown(fd, how);
    return (int)finish(s, divert_shutdown(s, how));
}

static int pass_ioctl(int fd, unsigned long request, void *arg)
{
    return real.ioctl(fd, request, arg) < 0 ? -errno : 0;
}

/* Requests about interfaces and routes: SIOCGIFADDR and its kin. */
static bool is_of_interfaces(unsigned long request)
{
    return request >= SIOCADDRT && request <= SIOCDEVPRIVATE + 15;
}

/* A netlink socket does not answer these requests; an IP socket does. */
static int ioctl_of_interfaces(unsigned long request, void *arg)
{
    int fd = real.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

    if (fd < 0)
        return -errno;
    err = pass_ioctl(fd, request, arg);
    real.close(fd);
    return err;
}

/* FIONBIO is also set on the descriptor itself, where F_GETFL finds it. */
static int divert_ioctl(struct divert_socket *s, int fd, unsigned long request, void *arg)
{
    switch (request) {
    case FIONREAD:
        *(int *)arg = divert_next_len(s);
        return 0;
    case FIONBIO:
        divert_set_nonblocking(s, *(const int *)arg != 0);
        return pass_ioctl(fd, request, arg);
    case FIOASYNC:
        return divert_set_async(s, *(const int *)arg != 0);
    case FIOSETOWN:
    case FIOGETOWN:
    case SIOCSPGRP:
    case SIOCGPGRP:
        return pass_ioctl(divert_kernel_fd(s), request, arg);
    default:
        return is_of_interfaces(request) ? ioctl_of_interfaces(request, arg)
                                         : pass_ioctl(fd, request, arg);
    }
}

/* For descriptors other than divert sockets. */
static int other_ioctl(int fd, unsigned long request, void *arg)
{
    if (is_private(fd))
        return (int)as_result(-EBADF);
    if (request != FIONREAD || !is_route(fd))
        return real.ioctl(fd, request, arg);
    *(int *)arg = route_next_len(fd);
    return 0;
}

HOOK int ioctl(int fd, ioctl_request request, ...)
{
    struct divert_socket *s = divert_find(fd);
    va_list args;
    void *arg;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    if (!s)
        return other_ioctl(fd, request, arg);
    return (int)finish(s, divert_ioctl(s, fd, request, arg));
}

/* libc's other name for the same function. */
HOOK int __connect(int fd, const struct sockaddr *address, socklen_t len)
    __attribute__((alias("connect")));
