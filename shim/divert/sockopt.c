/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of a divert socket. */
#include "divert/private.h"

#include "real.h"
#include "util/clock.h"

#include <errno.h>
#include <string.h>

/* Values as in include/divertshim/: FreeBSD's, and of OpenBSD 5.3 to 6.2. */
#define REUSEPORT_LB 0x00010000 /* SO_REUSEPORT_LB */
#define USER_COOKIE  0x1015     /* SO_USER_COOKIE */
#define DIVERTFL     0x1022     /* IP_DIVERTFL */

/*
 * A program uses the option numbers for its own struct timeval: of two longs, or of 64 bits each.
 * Not all C libraries have names for both.
 */
#ifndef SO_RCVTIMEO_OLD
#define SO_RCVTIMEO_OLD SO_RCVTIMEO
#define SO_SNDTIMEO_OLD SO_SNDTIMEO
#endif
#ifndef SO_RCVTIMEO_NEW
#define SO_TIMESTAMP_NEW 63
#define SO_RCVTIMEO_NEW  66
#define SO_SNDTIMEO_NEW  67
#endif

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

/* Returns a timeout as seconds and microseconds. */
static int give_timeout(uint64_t ns, bool wide, void *value, socklen_t *len)
{
    const int64_t time[] = {(int64_t)(ns / NS_PER_SEC), (int64_t)(ns % NS_PER_SEC / 1000)};
    const long narrow[] = {(long)time[0], (long)time[1]};

    return wide ? give_value(value, len, time, sizeof(time))
                : give_value(value, len, narrow, sizeof(narrow));
}

/* The bit in flags for an on-off option; 0 for others. */
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
    case SO_TIMESTAMP_NEW:
        return 1u << SO_TIMESTAMP;
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
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return give_timeout(shared->receive_timeout, name == SO_RCVTIMEO_NEW, value, len);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return give_timeout(shared->send_timeout, name == SO_SNDTIMEO_NEW, value, len);
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

static int take_timeout(uint64_t *ns, bool wide, const void *value, socklen_t len)
{
    int64_t time[2];
    long narrow[2];
    int err = wide ? take_value(time, sizeof(time), value, len)
                   : take_value(narrow, sizeof(narrow), value, len);

    if (!err && !wide) {
        time[0] = narrow[0];
        time[1] = narrow[1];
    }
    if (!err && (time[0] < 0 || time[1] < 0 || time[1] >= 1000000))
        err = -EDOM;
    if (!err && (uint64_t)time[0] > TIMEOUT_SECONDS_MAX)
        *ns = 0;
    else if (!err)
        *ns = (uint64_t)time[0] * NS_PER_SEC + (uint64_t)time[1] * 1000;
    return err;
}

static int set_flag(struct divert_shared *shared, int name, const void *value, socklen_t len)
{
    int on, err = take_value(&on, sizeof(on), value, len);

    if (!err)
        shared->flags = on ? shared->flags | flag_of(name) : shared->flags & ~flag_of(name);
    return err;
}

/* As on FreeBSD, it takes effect at the next bind(). */
static int set_balanced(struct divert_shared *shared, const void *value, socklen_t len)
{
    int on, err = take_value(&on, sizeof(on), value, len);

    if (!err)
        shared->balanced = on != 0;
    return err;
}

/* As on OpenBSD, it can be set once. */
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

/* The netlink socket's buffer is only enlarged; a smaller one would lose packets. */
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
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return take_timeout(&shared->receive_timeout, name == SO_RCVTIMEO_NEW, value, len);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return take_timeout(&shared->send_timeout, name == SO_SNDTIMEO_NEW, value, len);
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
