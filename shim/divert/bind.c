/* SPDX-License-Identifier: BSD-2-Clause */
/* Binding a divert socket: the queues and the NFLOG group of its port. */
#include "divert/private.h"

#include "common/environment.h"
#include "netif/interfaces.h"
#include "nflog.h"
#include "process/privileges.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define EPHEMERAL_FIRST 49152 /* what port 0 is picked from, as in in_pcbbind() of BSD */
#define EPHEMERAL_LAST  65535

#define BIND_ATTEMPTS 50 /* one per millisecond, while the port is about to become free */

void divert_set_gso(struct divert_socket *s, bool on)
{
    s->shared->gso = on;
    for (unsigned i = 0; i < s->shared->queues; i++)
        nfqueue_set_gso(s->queue_fd, (uint16_t)(s->shared->queue + i), on);
}

/* The kernel returns EPERM both when another socket has the queue and without CAP_NET_ADMIN. */
static int bind_error(int err)
{
    if (err == -EPERM)
        return privileges_has_net_admin() ? -EADDRINUSE : -EACCES;
    return err;
}

/* Binds count queues from first on, all or none. */
static int bind_queues(struct divert_socket *s, unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int err = bind_error(nfqueue_bind(s->queue_fd, (uint16_t)(first + i)));

        if (!err)
            continue;
        while (i-- > 0)
            nfqueue_unbind(s->queue_fd, (uint16_t)(first + i));
        return err;
    }
    s->shared->queue = (uint16_t)first;
    s->shared->queues = count;
    if (s->options->gso)
        divert_set_gso(s, true);
    return 0;
}

static int start_queues(struct divert_socket *s)
{
    int err = 0;

    for (unsigned i = 0; i < s->shared->queues && !err; i++)
        err = nfqueue_start(s->queue_fd, (uint16_t)(s->shared->queue + i), s->options->queue_len);
    for (unsigned i = 0; i < s->shared->queues && err; i++)
        nfqueue_unbind(s->queue_fd, (uint16_t)(s->shared->queue + i));
    return err;
}

/* Binds the first of the port's queues that no other listener has. */
static int bind_balanced(struct divert_socket *s, unsigned port)
{
    int err = -EADDRINUSE;

    for (unsigned i = 0; i < s->options->listeners && err == -EADDRINUSE; i++)
        err = bind_queues(s, port + i, 1);
    return err;
}

static int bind_port(struct divert_socket *s, unsigned port)
{
    if (port + s->options->listeners - 1 > UINT16_MAX)
        return -EADDRNOTAVAIL;
    return s->shared->balanced ? bind_balanced(s, port)
                               : bind_queues(s, port, s->options->listeners);
}

/* Copies made by tee rules come to the NFLOG group of the port's number. */
static void bind_copies(struct divert_socket *s)
{
    unsigned port = s->shared->port;
    int err = s->shared->queue == port ? nflog_bind(s->queue_fd, (uint16_t)port) : 0;

    if (err)
        log_line(LOG_INFO, "port %u gets no copies from tee rules: NFLOG group %u: %s", port, port,
                 strerror(-err));
}

/* Port 0 means any free port. other is the socket of the other family on the port, or NULL. */
static int bind_any(struct divert_socket *s, unsigned port, struct divert_socket *other)
{
    unsigned last = port ? port : EPHEMERAL_LAST, step = s->options->listeners;
    int err = -EADDRINUSE;

    for (unsigned p = port ? port : EPHEMERAL_FIRST; p <= last && err == -EADDRINUSE; p += step) {
        err = bind_port(s, p);
        s->shared->port = (uint16_t)p;
    }
    if (err == -EADDRINUSE && other)
        err = divert_join(s, other);
    if (!err && !s->sibling) {
        bind_copies(s);
        if (nfnetlink_drop_answers(s->queue_fd))
            log_line(LOG_DEBUG, "the kernel's answers may wake whoever waits for packets");
        err = start_queues(s);
    }
    s->shared->bound = err == 0;
    if (err)
        s->shared->port = 0;
    s->shared->status.port = s->shared->port;
    if (err == -EOPNOTSUPP)
        log_line(LOG_ERROR, "this kernel has no NFQUEUE: it needs nfnetlink_queue "
                            "(CONFIG_NETFILTER_NETLINK_QUEUE); try: modprobe nfnetlink_queue");
    return err;
}

static int bind_locked(struct divert_socket *s, unsigned port, struct divert_socket *other)
{
    int err;

    if (divert_lock(s))
        return -EAGAIN;
    err = atomic_load(&s->shared->bound) ? -EINVAL : bind_any(s, port, other);
    divert_unlock(s);
    return err;
}

/*
 * Somebody has the port. If it is a socket of this process for the other family, the two share it.
 * A socket of this process that has just been closed may still hold it for a moment, while another
 * thread uses it.
 */
static int bind_again(struct divert_socket *s, unsigned port)
{
    const struct timespec moment = {.tv_nsec = (long)NS_PER_MS};
    int err = -EADDRINUSE;

    for (int i = 0; i < BIND_ATTEMPTS && err == -EADDRINUSE && divert_have_port(port); i++) {
        struct divert_socket *other = divert_find_other(s, port);

        if (!other)
            nanosleep(&moment, NULL);
        err = bind_locked(s, port, other);
        if (other)
            divert_release(other);
    }
    return err;
}

static int bind_socket(struct divert_socket *s, unsigned port)
{
    int err = bind_locked(s, port, NULL);

    if (err == -EADDRINUSE && port)
        err = bind_again(s, port);
    if (err == -EADDRINUSE && s->shared->balanced)
        log_line(LOG_WARN,
                 "divert port %u: no more than %u sockets can share it, as divert-run --listeners "
                 "(" ENV_LISTENERS ") says",
                 port, s->options->listeners);
    return err;
}

int divert_bind(struct divert_socket *s, const struct sockaddr *address, socklen_t len)
{
    int port = divert_port_of(s, address, len), err;

    if (port < 0)
        return port;
    err = bind_socket(s, (unsigned)port);
    if (!err)
        interfaces_refresh();
    return err;
}
