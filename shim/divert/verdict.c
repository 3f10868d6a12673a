/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving verdicts. While the program has packets at hand to go on with, one waits for the next, so
 * that they go to the kernel together: until the last packet at hand has been read, until the
 * program waits, or until a guard sends them for want of either.
 */
#include "divert/private.h"

#include "divert/verdict_timer.h"
#include "flusher.h"
#include "util/clock.h"
#include "util/log.h"

#include <linux/netfilter.h>
#include <string.h>

#define AHEAD       8    /* packets at hand that make a guard worth its two system calls */
#define AHEAD_LARGE 2    /* of large ones, which come fewer at a time */
#define LARGE       8192 /* bytes on average */

void divert_flush(struct divert_socket *s)
{
    int err = nfqueue_flush(s->queue_fd, &s->shared->batch);

    atomic_store_explicit(&s->verdicts_pending, err != 0, memory_order_relaxed);
    if (err)
        log_line(LOG_DEBUG, "sending verdicts: %s", strerror(-err));
    else if (s->timer && verdict_timer_armed(s->timer))
        verdict_timer_disarm(s->timer);
}

bool divert_verdicts_pending(const struct divert_socket *s)
{
    return atomic_load_explicit(&s->verdicts_pending, memory_order_relaxed);
}

/* Under the lock: those of other processes, too. */
static bool any_wait(const struct divert_socket *s)
{
    return s->shared->batch.used || (s->timer && verdict_timer_armed(s->timer));
}

static bool armed_here(const struct divert_socket *s)
{
    return s->timer && verdict_timer_armed_here(s->timer);
}

/* Whether what waits is watched over, by a guard of this thread or by the flusher. */
static bool may_add(const struct divert_socket *s)
{
    return armed_here(s) || (!s->timer && s->options->batch == BATCH_THREAD);
}

/*
 * Whether the next verdict will come soon enough to be waited for. With a pump the program may wait
 * past libc, where the guard's work would interrupt it.
 */
static bool may_wait(struct divert_socket *s)
{
    const struct nfqueue_ring *ring = &s->shared->ring;
    uint32_t at_hand = ring->end - ring->first, ahead = ring->size < LARGE ? AHEAD : AHEAD_LARGE;

    if (s->options->batch == BATCH_NEVER || s->options->pump)
        return false;
    return at_hand >= (s->shared->batch.used ? 1 : ahead);
}

/* Has somebody see to it that what is put to the batch now is sent in time. */
static bool watch_over(struct divert_socket *s)
{
    if (armed_here(s))
        return true;
    if (!s->timer)
        s->timer = verdict_timer_open(s->queue_fd, &s->shared->batch);
    if (s->timer)
        return !verdict_timer_armed(s->timer) && flusher_note_thread() &&
               verdict_timer_arm(s->timer);
    return s->options->batch == BATCH_THREAD && flusher_note();
}

/* What was given by others, or left too long, goes first: verdicts keep their order. */
int divert_give_verdict(struct divert_socket *s, const struct nfqueue_verdict *v)
{
    bool wait;
    int err;

    if (any_wait(s) && !may_add(s))
        divert_flush(s);
    wait = may_wait(s) && watch_over(s);
    err = nfqueue_put_verdict(s->queue_fd, &s->shared->batch, v);
    atomic_store_explicit(&s->verdicts_pending, true, memory_order_relaxed);
    if (!wait || (s->timer && !armed_here(s)))
        divert_flush(s);
    return err;
}

/*
 * A signal handler that interrupted this very thread while it had the lock, and ends the process
 * now, sends what is there: a verdict that is sent twice does nothing the second time.
 */
void divert_send_verdicts(struct divert_socket *s)
{
    if (divert_lock(s)) {
        nfqueue_flush_twice(s->queue_fd, &s->shared->batch);
        return;
    }
    divert_flush(s);
    divert_unlock(s);
}

void divert_forget_verdicts(struct divert_socket *s)
{
    verdict_timer_close(s->timer);
    s->timer = NULL;
    atomic_store(&s->verdicts_pending, false);
}

int divert_drop(struct divert_socket *s, const struct in_flight_packet *packet)
{
    struct nfqueue_verdict v = {.id = packet->id, .queue = packet->queue, .verdict = NF_DROP};
    int err = divert_give_verdict(s, &v);

    if (err)
        divert_leave_undecided(s, *packet, err);
    return err;
}

void divert_leave_undecided(struct divert_socket *s, struct in_flight_packet packet, int err)
{
    struct divert_last *last = &s->shared->last;
    struct in_flight_packet evicted;

    log_line(LOG_DEBUG, "verdict for packet %u: %s", packet.id, strerror(-err));
    packet.read_at = clock_exact_ns();
    if (packet.id == last->packet.id && packet.queue == last->packet.queue) {
        last->outstanding = true; /* has no keys yet */
        last->packet = packet;
    } else {
        in_flight_add(&s->shared->in_flight, &packet, &evicted);
    }
}
