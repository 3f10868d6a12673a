/* SPDX-License-Identifier: BSD-2-Clause */
/* What a wait needs to know of a socket: its poll(2) events, and how long the wait may last. */
#include "divert/private.h"

#include "process/private_fd.h"
#include "real.h"
#include "util/clock.h"

#include <errno.h>

static const short readable = POLLIN | POLLRDNORM;
static const short writable = POLLOUT | POLLWRNORM;

short divert_events(struct divert_socket *s, short wanted)
{
    short events = wanted & writable;

    if (!(wanted & readable))
        return events;
    if (divert_lock(s))
        return events | (wanted & readable); /* a signal handler: rely on the kernel's answer */
    if (s->shared->cannot_receive)
        divert_drop_overdue(s);
    if (s->shared->cannot_receive || divert_fill(s) != 0) /* an error is readable, too */
        events |= wanted & readable;
    divert_unlock(s);
    return events;
}

bool divert_kernel_knows(const struct divert_socket *s)
{
    return !s->sibling &&
           (s->options->tags || !atomic_load_explicit(&s->shared->injected, memory_order_relaxed));
}

short divert_events_buffered(struct divert_socket *s, short wanted)
{
    short events = wanted & writable;

    if (shared_lock_taken(&s->shared->lock)) { /* its holder may be dead */
        if (divert_lock(s))
            return events;
        divert_unlock(s);
    }
    if (atomic_load_explicit(&s->shared->buffered, memory_order_relaxed) ||
        handoff_queue_waits(&s->shared->handoff_queue))
        events |= wanted & readable;
    return events;
}

bool divert_buffered(struct divert_socket *s)
{
    return divert_events_buffered(s, POLLIN) != 0;
}

uint64_t divert_prepare_wait(struct divert_socket *s)
{
    uint64_t deadline;

    if (divert_lock(s))
        return DIVERT_NEVER;
    deadline = divert_overdue_at(s);
    divert_flush(s);
    if (s->shared->batch.used)
        deadline = clock_exact_ns() + NS_PER_MS; /* the kernel lacked memory; try again soon */
    divert_unlock(s);
    return deadline;
}

static void prepare_one(struct divert_socket *s, void *arg)
{
    uint64_t *earliest = arg, deadline = divert_prepare_wait(s);

    if (deadline < *earliest)
        *earliest = deadline;
}

uint64_t divert_prepare_wait_all(void)
{
    uint64_t earliest = DIVERT_NEVER;

    divert_each(prepare_one, &earliest);
    return earliest;
}

void divert_expire(struct divert_socket *s)
{
    if (divert_lock(s))
        return;
    divert_drop_overdue(s);
    divert_flush(s);
    divert_unlock(s);
}

static void expire_one(struct divert_socket *s, void *arg)
{
    (void)arg;
    divert_expire(s);
}

void divert_expire_all(void)
{
    divert_each(expire_one, NULL);
}

static void sort_one(struct divert_socket *s, void *arg)
{
    (void)arg;
    if (s->sibling)
        divert_events(s, POLLIN);
}

void divert_sort_siblings(void)
{
    divert_each(sort_one, NULL);
}

int divert_epoll_fd(const struct divert_socket *s)
{
    return s->epoll_fd;
}

static _Atomic bool any_writable_fd; /* was ever made */

bool divert_any_writable_fd(void)
{
    return atomic_load_explicit(&any_writable_fd, memory_order_relaxed);
}

/* A socket without a peer: always writable, and never readable. */
int divert_writable_fd(struct divert_socket *s)
{
    int fd = atomic_load(&s->writable_fd), none = -1;

    if (fd >= 0)
        return fd;
    fd = private_fd(real.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd < 0)
        return -errno;
    atomic_store(&any_writable_fd, true);
    if (atomic_compare_exchange_strong(&s->writable_fd, &none, fd))
        return fd;
    private_fd_close(fd);
    return none;
}

int divert_writable_fd_if_any(const struct divert_socket *s)
{
    return atomic_load(&s->writable_fd);
}
