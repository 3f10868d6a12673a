/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of a divert socket. */
#include "divert/private.h"

#include "real.h"
#include "util/clock.h"

#include <errno.h>
#include <string.h>

/* As in include/divertshim/: of FreeBSD, and of OpenBSD 5.3 to 6.2. */
#define REUSEPORT_LB 0x00010000 /* SO_REUSEPORT_LB */
#define USER_COOKIE  0x1015     /* SO_USER_COOKIE */
#define DIVERTFL     0x1022     /* IP_DIVERTFL */

static int give_value(void *value, socklen_t *len, const void *from, socklen_t size)
{
    if (*len > size)
        *len = size;
    memcpy(value, from, *len);
    return 0;
}

static int give_int(void *value, socklen_t *len, int number)
{
    return give_value(value, len, &number, sizeof(number));
}

static int give_receive_timeout(const struct divert_shared *shared, void *value, socklen_t *len)
{
    struct timeval time = {
        .tv_sec = (time_t)(shared->receive_timeout / NS_PER_SEC),
        .tv_usec = (suseconds_t)(shared->receive_timeout % NS_PER_SEC / 1000),
    };

    return give_value(value, len, &time, sizeof(time));
}

/* The bit that holds an option which is on or off; 0 for others. */
static uint32_t flag_of(int name)
{
    switch (name) {
    case SO_BROADCAST:
    case SO_REUSEADDR:
    case SO_REUSEPORT:
    case SO_DEBUG:
    case SO_DONTROUTE:
    case SO_KEEPALIVE:
    case SO_OOBINLINE:
    case SO_TIMESTAMP:
        return 1u << name;
    default:
        return 0;
    }
}

static bool is_divertfl(const struct divert_shared *shared, int level, int name)
{
    return name == DIVERTFL && level == (shared->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6);
}

int divert_getsockopt(struct divert_socket *s, int level, int name, void *value, socklen_t *len)
{
    const struct divert_shared *shared = s->shared;

    if (!value || !len)
        return -EFAULT;
    if (is_divertfl(shared, level, name))
        return give_int(value, len, shared->wanted);
    if (level != SOL_SOCKET)
        return -ENOPROTOOPT;
    switch (name) {
    case SO_TYPE:
        return give_int(value, len, SOCK_RAW);
    case SO_DOMAIN:
        return give_int(value, len, shared->family);
    case SO_PROTOCOL:
        return give_int(value, len, shared->protocol);
    case SO_RCVBUF:
        return give_int(value, len, shared->receive_buffer);
    case SO_SNDBUF:
        return give_int(value, len, shared->send_buffer);
    case REUSEPORT_LB:
        return give_int(value, len, shared->balanced);
    case USER_COOKIE:
        return give_value(value, len, &shared->user_cookie, sizeof(shared->user_cookie));
    case SO_RCVTIMEO:
        return give_receive_timeout(shared, value, len);
    case SO_SNDTIMEO:
        return give_value(value, len, &shared->send_timeout, sizeof(shared->send_timeout));
    case SO_RCVLOWAT:
        return give_int(value, len, shared->receive_least);
    case SO_SNDLOWAT:
        return give_int(value, len, shared->send_least);
    case SO_LINGER:
        return give_value(value, len, &shared->linger, sizeof(shared->linger));
    case SO_ERROR:
    case SO_ACCEPTCONN:
        return give_int(value, len, 0);
    default:
        if (!flag_of(name))
            return -ENOPROTOOPT;
        return give_int(value, len, (shared->flags & flag_of(name)) != 0);
    }
}

static int take_value(void *out, size_t size, const void *value, socklen_t len)
{
    if (!value)
        return -EFAULT;
    if (len < size)
        return -EINVAL;
    memcpy(out, value, size);
    return 0;
}

static int take_timeout(struct timeval *out, const void *value, socklen_t len)
{
    int err = take_value(out, sizeof(*out), value, len);

    if (!err && (out->tv_sec < 0 || out->tv_usec < 0 || out->tv_usec >= 1000000))
        err = -EDOM;
    return err;
}

static int set_receive_timeout(struct divert_shared *shared, const void *value, socklen_t len)
{
    struct timeval time;
    int err = take_timeout(&time, value, len);

    if (!err)
        shared->receive_timeout =
            (uint64_t)time.tv_sec * NS_PER_SEC + (uint64_t)time.tv_usec * 1000;
    return err;
}

static int set_flag(struct divert_shared *shared, int name, const void *value, socklen_t len)
{
    int on, err = take_value(&on, sizeof(on), value, len);

    if (!err)
        shared->flags = on ? shared->flags | flag_of(name) : shared->flags & ~flag_of(name);
    return err;
}

/* As on FreeBSD, it counts from the next bind() on. */
static int set_balanced(struct divert_shared *shared, const void *value, socklen_t len)
{
    int on, err = take_value(&on, sizeof(on), value, len);

    if (!err)
        shared->balanced = on != 0;
    return err;
}

/* As on OpenBSD, it can be said once. */
static int set_wanted(struct divert_shared *shared, const void *value, socklen_t len)
{
    int wanted, err = take_value(&wanted, sizeof(wanted), value, len);

    if (err)
        return err;
    if (shared->wanted)
        return -ENOTSUP;
    if (!(wanted & (WANTED_INCOMING | WANTED_OUTGOING)))
        return -EINVAL;
    shared->wanted = wanted;
    return 0;
}

/* A larger buffer than ours is asked of the kernel; a smaller one would only lose packets. */
static int set_receive_buffer(struct divert_socket *s, const void *value, socklen_t len)
{
    int bytes, now, err = take_value(&bytes, sizeof(bytes), value, len);
    socklen_t size = sizeof(now);

    if (err)
        return err;
    if (bytes < 0)
        return -EINVAL;
    s->shared->receive_buffer = bytes;
    if (real.getsockopt(s->queue_fd, SOL_SOCKET, SO_RCVBUF, &now, &size) == 0 && bytes > now / 2)
        real.setsockopt(s->queue_fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    return 0;
}

int divert_setsockopt(struct divert_socket *s, int level, int name, const void *value,
                      socklen_t len)
{
    struct divert_shared *shared = s->shared;

    if (is_divertfl(shared, level, name))
        return set_wanted(shared, value, len);
    if (level != SOL_SOCKET)
        return -ENOPROTOOPT;
    switch (name) {
    case USER_COOKIE:
        return take_value(&shared->user_cookie, sizeof(shared->user_cookie), value, len);
    case REUSEPORT_LB:
        return set_balanced(shared, value, len);
    case SO_RCVTIMEO:
        return set_receive_timeout(shared, value, len);
    case SO_SNDTIMEO:
        return take_timeout(&shared->send_timeout, value, len);
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
        return set_receive_buffer(s, value, len);
    case SO_RCVLOWAT:
        return take_value(&shared->receive_least, sizeof(shared->receive_least), value, len);
    case SO_SNDLOWAT:
        return take_value(&shared->send_least, sizeof(shared->send_least), value, len);
    case SO_LINGER:
        return take_value(&shared->linger, sizeof(shared->linger), value, len);
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
        return take_value(&shared->send_buffer, sizeof(shared->send_buffer), value, len);
    default:
        return flag_of(name) ? set_flag(shared, name, value, len) : -ENOPROTOOPT;
    }
}
