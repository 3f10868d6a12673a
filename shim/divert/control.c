/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on a divert socket that neither move a packet nor wait: shutdown(2), flags. */
#include "divert/private.h"

#include "real.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int divert_kernel_fd(const struct divert_socket *s)
{
    return s->queue_fd;
}

/* Drops unread packets and those that would come from now on: socantrcvmore() of BSD. */
static void stop_receiving(struct divert_socket *s)
{
    struct divert_shared *shared = s->shared;

    bool stop = !shared->cannot_receive && !divert_drop_unread(s);

    divert_flush(s);
    for (unsigned i = 0; i < shared->queues && stop; i++) {
        int err = nfqueue_stop(s->queue_fd, (uint16_t)(shared->queue + i), shared->ring.last_id);

        if (err)
            log_line(LOG_DEBUG, "queue %u: %s", shared->queue + i, strerror(-err));
    }
    if (stop) { /* packets read so far are dropped too, and injected if they are written */
        in_flight_reset(&shared->in_flight);
        shared->last.outstanding = false;
    }
    shared->ring.first = shared->ring.end;
    shared->cannot_receive = true;
}

int divert_shutdown(struct divert_socket *s, int how)
{
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    if (divert_lock(s))
        return -EAGAIN;
    if (how != SHUT_WR)
        stop_receiving(s);
    if (how != SHUT_RD)
        s->shared->cannot_send = true;
    divert_unlock(s);
    return 0;
}

void divert_set_nonblocking(struct divert_socket *s, bool nonblocking)
{
    s->shared->nonblocking = nonblocking;
}

bool divert_nonblocking(const struct divert_socket *s)
{
    return s->shared->nonblocking;
}

/* The netlink socket raises SIGIO, since packets arrive there. */
int divert_set_async(struct divert_socket *s, bool async)
{
    int flags = real.fcntl(s->queue_fd, F_GETFL);

    if (flags < 0)
        return -errno;
    flags = async ? flags | O_ASYNC : flags & ~O_ASYNC;
    return real.fcntl(s->queue_fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int divert_async(const struct divert_socket *s)
{
    int flags = real.fcntl(s->queue_fd, F_GETFL);

    return flags < 0 ? -errno : (flags & O_ASYNC) != 0;
}
