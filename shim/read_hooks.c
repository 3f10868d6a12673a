/* SPDX-License-Identifier: BSD-2-Clause */
/* Hooks of calls that read from a descriptor. */
#include "hook.h"

#include "bsd/route_socket.h"
#include "divert/rights.h"
#include "wait.h"

#include <time.h>

static ssize_t read_or_wait(struct divert_socket *s, struct msghdr *msg, int flags)
{
    ssize_t n = divert_recvmsg(s, msg, flags);
    uint64_t deadline;

    if (n != -EAGAIN && n != -EDEADLK)
        return n;
    deadline = divert_read_deadline(s, flags);
    if (n == -EDEADLK) /* a signal handler cannot wait for the thread that it interrupted */
        return deadline ? -EINTR : -EAGAIN;
    while (n == -EAGAIN && deadline) {
        int err = wait_readable(s, deadline);

        if (err)
            return err;
        n = divert_recvmsg(s, msg, flags);
    }
    return n;
}

static ssize_t receive_divert(struct divert_socket *s, struct msghdr *msg, int flags)
{
    hook_cancellation_point(s);
    return finish(s, read_or_wait(s, msg, flags));
}

/* s is NULL for a routing socket; its reference is given up. */
static ssize_t receive_any(struct divert_socket *s, int fd, struct msghdr *msg, int flags)
{
    return s ? receive_divert(s, msg, flags) : as_result(route_recvmsg(fd, msg, flags));
}

static ssize_t read_one(struct divert_socket *s, int fd, void *buf, size_t len, int flags,
                        struct sockaddr *from, socklen_t *fromlen)
{
    struct iovec iov = {buf, len};
    struct msghdr msg = {
        .msg_name = from,
        .msg_namelen = from && fromlen ? *fromlen : 0,
        .msg_iov = &iov,
        .msg_iovlen = 1,
    };
    ssize_t n = receive_any(s, fd, &msg, flags);

    if (n >= 0 && from && fromlen)
        *fromlen = msg.msg_namelen;
    return n;
}

HOOK ssize_t read(int fd, void *buf, size_t len)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s && !is_route(fd))
        return real.read(fd, buf, len);
    return read_one(s, fd, buf, len, 0, NULL, NULL);
}

HOOK ssize_t readv(int fd, const struct iovec *iov, int count)
{
    struct divert_socket *s = find_before_wait(fd);
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};

    if (!s && !is_route(fd))
        return real.readv(fd, iov, count);
    if (count < 0)
        return finish(s, -EINVAL);
    return receive_any(s, fd, &msg, 0);
}

HOOK ssize_t recv(int fd, void *buf, size_t len, int flags)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s && !is_route(fd))
        return real.recv(fd, buf, len, flags);
    return read_one(s, fd, buf, len, flags, NULL, NULL);
}

HOOK ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                      socklen_t *fromlen)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s && !is_route(fd))
        return real.recvfrom(fd, buf, len, flags, from, fromlen);
    return read_one(s, fd, buf, len, flags, from, fromlen);
}

/* A message on a UNIX socket may bring a divert socket. */
static ssize_t receive_foreign(int fd, struct msghdr *msg, int flags)
{
    ssize_t n = real.recvmsg(fd, msg, flags);

    if (n >= 0 && msg->msg_control && msg->msg_controllen)
        rights_unpack(msg);
    return n;
}

HOOK ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s && !is_route(fd))
        return receive_foreign(fd, msg, flags);
    return receive_any(s, fd, msg, flags);
}

/* 1 when a packet can be read or the call does not wait, 0 at the deadline, or -errno. */
static ssize_t wait_for_one(struct divert_socket *s, int flags, uint64_t deadline)
{
    if (deadline == DIVERT_NEVER || !divert_read_deadline(s, flags))
        return 1;
    while (!divert_events(s, POLLIN)) {
        int err = deadline ? wait_readable(s, deadline) : -EAGAIN;

        if (err)
            return err == -EAGAIN ? 0 : err;
    }
    return 1;
}

/* As in the kernel, an error after the first message is not reported; the next call meets it. */
static ssize_t read_many(struct divert_socket *s, struct mmsghdr *messages, unsigned count,
                         int flags, uint64_t deadline)
{
    unsigned done = 0;

    while (done < count) {
        ssize_t n = wait_for_one(s, flags, deadline);

        if (n > 0)
            n = read_or_wait(s, &messages[done].msg_hdr, flags & ~MSG_WAITFORONE);
        else if (n == 0)
            return done;
        if (n < 0)
            return done ? (ssize_t)done : n;
        messages[done++].msg_len = (unsigned)n;
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
    }
    return done;
}

static int receive_many_foreign(int fd, struct mmsghdr *messages, unsigned count, int flags,
                                struct timespec *timeout)
{
    int n = real.recvmmsg(fd, messages, count, flags, timeout);

    for (int i = 0; i < n; i++) {
        if (messages[i].msg_hdr.msg_control && messages[i].msg_hdr.msg_controllen)
            rights_unpack(&messages[i].msg_hdr);
    }
    return n;
}

HOOK int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, mmsg_flags flags,
                  struct timespec *timeout)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s)
        return is_route(fd) ? (int)as_result(-EOPNOTSUPP)
                            : receive_many_foreign(fd, messages, count, flags, timeout);
    if (!wait_timeout_valid(timeout))
        return (int)finish(s, -EINVAL);
    hook_cancellation_point(s);
    return (int)finish(s, read_many(s, messages, count, (int)flags, wait_deadline(timeout)));
}

/* The variants for _FORTIFY_SOURCE; room is the size of buf. */
HOOK ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
    struct divert_socket *s = len <= room ? find_before_wait(fd) : NULL;

    if (!s && (len > room || !is_route(fd)))
        return real.__read_chk(fd, buf, len, room);
    return read_one(s, fd, buf, len, 0, NULL, NULL);
}

HOOK ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
{
    struct divert_socket *s = len <= room ? find_before_wait(fd) : NULL;

    if (!s && (len > room || !is_route(fd)))
        return real.__recv_chk(fd, buf, len, room, flags);
    return read_one(s, fd, buf, len, flags, NULL, NULL);
}

HOOK ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags,
                            struct sockaddr *from, socklen_t *fromlen)
{
    struct divert_socket *s = len <= room ? find_before_wait(fd) : NULL;

    if (!s && (len > room || !is_route(fd)))
        return real.__recvfrom_chk(fd, buf, len, room, flags, from, fromlen);
    return read_one(s, fd, buf, len, flags, from, fromlen);
}

/* libc's other names for the same functions. */
HOOK ssize_t __read(int fd, void *buf, size_t len) __attribute__((alias("read")));
HOOK ssize_t __recv(int fd, void *buf, size_t len, int flags) __attribute__((alias("recv")));
