/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for packets. What waits here is the program's own thread, in poll(2). */
#include "divert/private.h"

#include "netif/interfaces.h"
#include "process/privileges.h"
#include "real.h"
#include "util/clock.h"

#include <errno.h>
#include <signal.h>

static const short readable = POLLIN | POLLRDNORM;
static const short writable = POLLOUT | POLLWRNORM;

short divert_events(struct divert_socket *s, short wanted)
{
    short events = wanted & writable;

    if (!(wanted & readable) || divert_lock(s))
        return events;
    if (s->shared->cannot_receive)
        divert_drop_overdue(s);
    if (s->shared->cannot_receive || divert_fill(s) != 0) /* a read tells an error, too */
        events |= wanted & readable;
    divert_update_eventfd(s);
    divert_unlock(s);
    return events;
}

short divert_events_buffered(struct divert_socket *s, short wanted)
{
    short events = wanted & writable;

    if (shared_lock_taken(&s->shared->lock)) { /* by somebody who may be dead */
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

uint64_t divert_deadline(struct divert_socket *s)
{
    uint64_t deadline;

    if (divert_lock(s))
        return DIVERT_NEVER;
    deadline = divert_overdue_at(s);
    divert_flush(s);
    if (divert_verdicts_pending(s)) /* the kernel has no memory for them now */
        deadline = clock_exact_ns() + NS_PER_MS;
    divert_unlock(s);
    return deadline;
}

void divert_wait_begin(struct divert_socket *s, struct pollfd fds[DIVERT_WAIT_FDS])
{
    fds[0] = (struct pollfd){.fd = s->queue_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = s->event_fd, .events = POLLIN};
    if (divert_lock(s))
        return;
    s->shared->waiting++;
    divert_update_eventfd(s);
    divert_unlock(s);
}

void divert_wait_end(struct divert_socket *s)
{
    while (divert_lock(s)) {
        /* a signal handler cannot be in here: it ends before we go on */
    }
    s->shared->waiting--;
    divert_update_eventfd(s);
    divert_unlock(s);
}

void divert_watch(struct divert_socket *s, bool watched)
{
    if (divert_lock(s))
        return;
    s->shared->watched += watched ? 1u : -1u;
    divert_update_eventfd(s);
    divert_unlock(s);
}

/* Raised by what a thread does itself: a thread that waits does not get it. */
static bool is_fault(int sig)
{
    return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL || sig == SIGABRT ||
           sig == SIGTRAP || sig == SIGSYS;
}

/*
 * Whether a read that a signal interrupted is to go on, as the kernel decides by the handler's
 * SA_RESTART. Which signal it was is not known; so it goes on if all handlers ask for that, or if
 * it was the C library's own, by which it sets ids in all threads.
 */
static bool restart_wanted(unsigned id_changes)
{
    if (privileges_id_changed_since(id_changes))
        return true;
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction action;

        if (is_fault(sig) || sigaction(sig, NULL, &action) < 0 || action.sa_handler == SIG_DFL ||
            action.sa_handler == SIG_IGN)
            continue;
        if (!(action.sa_flags & SA_RESTART))
            return false;
    }
    return true;
}

/* The thread is cancelled: it will not come back to give up the reference of its call. */
static void give_up(void *s)
{
    divert_wait_end(s);
    divert_release(s);
}

int divert_wait(struct divert_socket *s, uint64_t deadline)
{
    struct pollfd fds[DIVERT_WAIT_FDS + 1];
    uint64_t overdue = divert_deadline(s), now = clock_exact_ns(), until;
    unsigned id_changes = privileges_id_changes();
    int timeout = -1, n;

    until = overdue < deadline ? overdue : deadline;
    if (until != DIVERT_NEVER)
        timeout = until <= now ? 0 : (int)((until - now + NS_PER_MS - 1) / NS_PER_MS);
    divert_wait_begin(s, fds);
    fds[DIVERT_WAIT_FDS] = (struct pollfd){.fd = interfaces_watch_fd(), .events = POLLIN};
    pthread_cleanup_push(give_up, s);
    n = real.poll(fds, DIVERT_WAIT_FDS + 1, timeout);
    pthread_cleanup_pop(0);
    if (n < 0)
        n = errno == EINTR && restart_wanted(id_changes) && deadline == DIVERT_NEVER ? 0 : -errno;
    else
        interfaces_polled(fds[DIVERT_WAIT_FDS].revents != 0);
    divert_wait_end(s);
    if (n == 0 && deadline != DIVERT_NEVER && clock_exact_ns() >= deadline)
        return -EAGAIN;
    return n < 0 ? n : 0;
}

int divert_wait_until(struct divert_socket *s, uint64_t deadline)
{
    while (!divert_events(s, POLLIN)) {
        int err = deadline ? divert_wait(s, deadline) : -EAGAIN;

        if (err)
            return err == -EAGAIN ? 0 : err;
    }
    return 1;
}
