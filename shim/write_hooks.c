/* SPDX-License-Identifier: BSD-2-Clause */
/* All ways to write to a descriptor. */
#include "hook.h"

#include "bsd/route_socket.h"

/* Routing sockets only report here: the routes are not changed through them. */
static int refuse_route(void)
{
    return as_result(-EOPNOTSUPP);
}

static ssize_t write_one(struct divert_socket *s, const void *buf, size_t len, int flags,
                         const struct sockaddr *to, socklen_t tolen)
{
    struct iovec iov = {(void *)buf, len};
    struct msghdr msg = {
        .msg_name = (void *)to,
        .msg_namelen = tolen,
        .msg_iov = &iov,
        .msg_iovlen = 1,
    };

    return divert_sendmsg(s, &msg, flags);
}

HOOK ssize_t write(int fd, const void *buf, size_t len)
{
    struct divert_socket *s = find_before_write(fd, len);

    if (!s)
        return route_has(fd) ? refuse_route() : real.write(fd, buf, len);
    return finish(s, write_one(s, buf, len, 0, NULL, 0));
}

HOOK ssize_t writev(int fd, const struct iovec *iov, int count)
{
    struct divert_socket *s = find_before_write(fd, SIZE_MAX);
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};

    if (!s)
        return route_has(fd) ? refuse_route() : real.writev(fd, iov, count);
    return finish(s, count < 0 ? -EINVAL : divert_sendmsg(s, &msg, 0));
}

HOOK ssize_t send(int fd, const void *buf, size_t len, int flags)
{
    struct divert_socket *s = find_before_write(fd, len);

    if (!s)
        return route_has(fd) ? refuse_route() : real.send(fd, buf, len, flags);
    return finish(s, write_one(s, buf, len, flags, NULL, 0));
}

HOOK ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                    socklen_t tolen)
{
    struct divert_socket *s = find_before_write(fd, len);

    if (!s)
        return route_has(fd) ? refuse_route() : real.sendto(fd, buf, len, flags, to, tolen);
    return finish(s, write_one(s, buf, len, flags, to, tolen));
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct divert_socket *s = find_before_write(fd, SIZE_MAX);

    if (!s)
        return route_has(fd) ? refuse_route() : real.sendmsg(fd, msg, flags);
    return finish(s, divert_sendmsg(s, msg, flags));
}

static ssize_t write_many(struct divert_socket *s, struct mmsghdr *messages, unsigned count,
                          int flags)
{
    unsigned done = 0;

    while (done < count) {
        ssize_t n = divert_sendmsg(s, &messages[done].msg_hdr, flags);

        if (n < 0)
            return done ? (ssize_t)done : n;
        messages[done++].msg_len = (unsigned)n;
    }
    return done;
}

HOOK int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    struct divert_socket *s = find_before_write(fd, SIZE_MAX);

    if (!s)
        return route_has(fd) ? refuse_route() : real.sendmmsg(fd, messages, count, flags);
    return finish_int(s, write_many(s, messages, count, flags));
}
