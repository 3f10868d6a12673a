/* SPDX-License-Identifier: BSD-2-Clause */
/* Hooks of calls that write to a descriptor. */
#include "hook.h"

#include "divert/rights.h"

/* Routing sockets are read-only here: routes cannot be changed through them. */
static int refuse_route(void)
{
    return (int)as_result(-EOPNOTSUPP);
}

static ssize_t send_divert(struct divert_socket *s, const struct msghdr *msg, int flags)
{
    hook_cancellation_point(s);
    return divert_sendmsg(s, msg, flags);
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

    return send_divert(s, &msg, flags);
}

HOOK ssize_t write(int fd, const void *buf, size_t len)
{
    struct divert_socket *s = find_before_write(fd, len);

    if (!s)
        return is_route(fd) ? refuse_route() : real.write(fd, buf, len);
    return finish(s, write_one(s, buf, len, 0, NULL, 0));
}

HOOK ssize_t writev(int fd, const struct iovec *iov, int count)
{
    struct divert_socket *s = find_before_write(fd, SIZE_MAX);
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};

    if (!s)
        return is_route(fd) ? refuse_route() : real.writev(fd, iov, count);
    return finish(s, count < 0 ? -EINVAL : send_divert(s, &msg, 0));
}

HOOK ssize_t send(int fd, const void *buf, size_t len, int flags)
{
    struct divert_socket *s = find_before_write(fd, len);

    if (!s)
        return is_route(fd) ? refuse_route() : real.send(fd, buf, len, flags);
    return finish(s, write_one(s, buf, len, flags, NULL, 0));
}

HOOK ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                    socklen_t tolen)
{
    struct divert_socket *s = find_before_write(fd, len);

    if (!s)
        return is_route(fd) ? refuse_route() : real.sendto(fd, buf, len, flags, to, tolen);
    return finish(s, write_one(s, buf, len, flags, to, tolen));
}

/* A divert socket is sent over a UNIX socket in a container. */
static ssize_t send_packed(int fd, const struct msghdr *msg, int flags)
{
    char control[RIGHTS_CONTROL_MAX] __attribute__((aligned(8)));
    struct msghdr packed;
    ssize_t n = rights_pack(msg, &packed, control);

    if (!n) {
        n = real.sendmsg(fd, &packed, flags);
        n = n < 0 ? -errno : n;
    }
    rights_release(msg, &packed);
    return as_result(n);
}

static ssize_t send_foreign(int fd, const struct msghdr *msg, int flags)
{
    if (__builtin_expect(divert_any_open() && rights_needed(msg), 0))
        return send_packed(fd, msg, flags);
    return real.sendmsg(fd, msg, flags);
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct divert_socket *s = find_before_write(fd, SIZE_MAX);

    if (!s)
        return is_route(fd) ? refuse_route() : send_foreign(fd, msg, flags);
    return finish(s, send_divert(s, msg, flags));
}

static ssize_t write_many(struct divert_socket *s, struct mmsghdr *messages, unsigned count,
                          int flags)
{
    unsigned done = 0;

    while (done < count) {
        ssize_t n = send_divert(s, &messages[done].msg_hdr, flags);

        if (n < 0)
            return done ? (ssize_t)done : n;
        messages[done++].msg_len = (unsigned)n;
    }
    return done;
}

static bool any_needs_rights(const struct mmsghdr *messages, unsigned count)
{
    for (unsigned i = 0; divert_any_open() && i < count; i++) {
        if (rights_needed(&messages[i].msg_hdr))
            return true;
    }
    return false;
}

/* Sends messages one by one if any carries a divert socket. */
static int send_many_foreign(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned done = 0;

    if (!any_needs_rights(messages, count))
        return real.sendmmsg(fd, messages, count, flags);
    while (done < count) {
        ssize_t n = send_foreign(fd, &messages[done].msg_hdr, flags);

        if (n < 0)
            return done ? (int)done : -1;
        messages[done++].msg_len = (unsigned)n;
    }
    return (int)done;
}

HOOK int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, mmsg_flags flags)
{
    struct divert_socket *s = find_before_write(fd, SIZE_MAX);

    if (!s)
        return is_route(fd) ? refuse_route() : send_many_foreign(fd, messages, count, flags);
    return (int)finish(s, write_many(s, messages, count, flags));
}

/* libc's other names for the same functions. */
HOOK ssize_t __write(int fd, const void *buf, size_t len) __attribute__((alias("write")));
HOOK ssize_t __send(int fd, const void *buf, size_t len, int flags) __attribute__((alias("send")));
HOOK int __sendmmsg(int fd, struct mmsghdr *messages, unsigned count, mmsg_flags flags)
    __attribute__((alias("sendmmsg")));
