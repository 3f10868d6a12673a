/* SPDX-License-Identifier: BSD-2-Clause */
/* All ways to read from a descriptor. */
#include "hook.h"

#include "bsd/route_socket.h"
#include "wait.h"

#include <time.h>

/* s is NULL for a routing socket. */
static ssize_t receive(struct divert_socket *s, int fd, struct msghdr *msg, int flags)
{
    return s ? divert_recvmsg(s, msg, flags) : route_recvmsg(fd, msg, flags);
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
    ssize_t n = receive(s, fd, &msg, flags);

    if (n >= 0 && from && fromlen)
        *fromlen = msg.msg_namelen;
    return n;
}

HOOK ssize_t read(int fd, void *buf, size_t len)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s && !route_has(fd))
        return real.read(fd, buf, len);
    return finish(s, read_one(s, fd, buf, len, 0, NULL, NULL));
}

HOOK ssize_t readv(int fd, const struct iovec *iov, int count)
{
    struct divert_socket *s = find_before_wait(fd);
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};

    if (!s && !route_has(fd))
        return real.readv(fd, iov, count);
    return finish(s, count < 0 ? -EINVAL : receive(s, fd, &msg, 0));
}

HOOK ssize_t recv(int fd, void *buf, size_t len, int flags)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s && !route_has(fd))
        return real.recv(fd, buf, len, flags);
    return finish(s, read_one(s, fd, buf, len, flags, NULL, NULL));
}

HOOK ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                      socklen_t *fromlen)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s && !route_has(fd))
        return real.recvfrom(fd, buf, len, flags, from, fromlen);
    return finish(s, read_one(s, fd, buf, len, flags, from, fromlen));
}

HOOK ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s && !route_has(fd))
        return real.recvmsg(fd, msg, flags);
    return finish(s, receive(s, fd, msg, flags));
}

/* 1 when a packet may be read, 0 at the deadline, or -errno. */
static int wait_before(struct divert_socket *s, int flags, uint64_t deadline)
{
    if (deadline == DIVERT_NEVER || (flags & MSG_DONTWAIT) || divert_nonblocking(s))
        return 1;
    return divert_wait_until(s, deadline);
}

/* As the kernel does it: an error after the first packet is not told, the next call meets it. */
static ssize_t read_many(struct divert_socket *s, struct mmsghdr *messages, unsigned count,
                         int flags, uint64_t deadline)
{
    unsigned done = 0;

    while (done < count) {
        ssize_t n = wait_before(s, flags, deadline);

        if (n > 0)
            n = divert_recvmsg(s, &messages[done].msg_hdr, flags & ~MSG_WAITFORONE);
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

HOOK int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                  struct timespec *timeout)
{
    struct divert_socket *s = find_before_wait(fd);

    if (!s)
        return route_has(fd) ? as_result(-EOPNOTSUPP)
                             : real.recvmmsg(fd, messages, count, flags, timeout);
    return finish_int(s, read_many(s, messages, count, flags, wait_deadline(timeout)));
}

/* What a compiler with _FORTIFY_SOURCE makes of the above; room is the size of buf. */
HOOK ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
    struct divert_socket *s = len <= room ? find_before_wait(fd) : NULL;

    if (!s && (len > room || !route_has(fd)))
        return real.__read_chk(fd, buf, len, room);
    return finish(s, read_one(s, fd, buf, len, 0, NULL, NULL));
}

HOOK ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
{
    struct divert_socket *s = len <= room ? find_before_wait(fd) : NULL;

    if (!s && (len > room || !route_has(fd)))
        return real.__recv_chk(fd, buf, len, room, flags);
    return finish(s, read_one(s, fd, buf, len, flags, NULL, NULL));
}

HOOK ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags,
                            struct sockaddr *from, socklen_t *fromlen)
{
    struct divert_socket *s = len <= room ? find_before_wait(fd) : NULL;

    if (!s && (len > room || !route_has(fd)))
        return real.__recvfrom_chk(fd, buf, len, room, flags, from, fromlen);
    return finish(s, read_one(s, fd, buf, len, flags, from, fromlen));
}
