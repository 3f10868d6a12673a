/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving verdicts. While the program has packets at hand to go on with, a verdict waits for the
 * next ones, so that they are sent together: when the last packet at hand has been read, when the
 * program waits, or else when a timer of the kernel expires. The timer stays armed after verdicts
 * have been sent: more will follow before it expires.
 */
#include "divert/private.h"

#include "divert/verdict_timer.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <pthread.h>
#include <string.h>

#define AHEAD 3 /* packets at hand for which arming the timer is worth a system call */

static bool timer_armed(const struct divert_socket *s)
{
    return s->timer && verdict_timer_armed(s->timer);
}

static bool armed_here(const struct divert_socket *s)
{
    return s->timer && verdict_timer_armed_here(s->timer);
}

void divert_flush(struct divert_socket *s)
{
    int err = nfqueue_flush(s->queue_fd, &s->shared->batch);

    atomic_store_explicit(&s->verdicts_pending, err != 0 || timer_armed(s), memory_order_relaxed);
    if (err)
        log_line(LOG_DEBUG, "sending verdicts: %s", strerror(-err));
}

/*
 * When the timer has expired, what this thread had put into the batch has been sent. Only the last
 * verdict may have been added too late; if it is sent twice, the second does nothing. What others
 * have added since, with a timer of their own, is theirs.
 */
static void look_at_timer(struct divert_socket *s)
{
    struct nfqueue_batch *batch = &s->shared->batch;
    uint32_t armed_by = s->timer ? verdict_timer_armed_by(s->timer) : 0;

    if (armed_by && verdict_timer_expired(s->timer) && batch->owner == armed_by)
        nfqueue_keep_last(batch);
}

/* Whether the next verdict will come soon enough to wait for it. */
static bool may_wait(const struct divert_socket *s)
{
    const struct nfqueue_ring *ring = &s->shared->ring;
    uint32_t buffered = ring->end - ring->first;

    return s->options->batch && buffered >= (armed_here(s) ? 1 : AHEAD);
}

/* The end of a thread cancels its timers, so its pending verdicts are sent before. */
static pthread_key_t thread_end_key;
static bool thread_end_key_made;

static void send_at_thread_end(void *arg)
{
    (void)arg;
    divert_send_pending_verdicts();
}

void divert_start(void)
{
    thread_end_key_made = pthread_key_create(&thread_end_key, send_at_thread_end) == 0;
}

static bool thread_end_noted(void)
{
    static __thread bool noted;

    if (!noted)
        noted = thread_end_key_made && pthread_setspecific(thread_end_key, &noted) == 0;
    return noted;
}

/* Makes sure that the kernel sends in time what is put into the batch now. */
static bool arm_timer(struct divert_socket *s)
{
    if (s->timer && !verdict_timer_is_ours(s->timer)) {
        verdict_timer_close(s->timer); /* the parent's, which sends its own verdicts */
        s->timer = NULL;
    }
    if (armed_here(s))
        return true;
    if (!s->timer)
        s->timer = verdict_timer_open(s->queue_fd, &s->shared->batch, s->options->batch_filtered);
    return s->timer && !verdict_timer_armed(s->timer) && thread_end_noted() &&
           verdict_timer_arm(s->timer);
}

/* Verdicts given by others are sent first: the order is kept. */
int divert_give_verdict(struct divert_socket *s, const struct nfqueue_verdict *v)
{
    bool wait;
    int err;

    look_at_timer(s);
    if (s->shared->batch.used && !armed_here(s))
        divert_flush(s);
    wait = may_wait(s) && arm_timer(s);
    if (!s->shared->batch.used)
        s->shared->batch.owner = shared_lock_id();
    err = nfqueue_put_verdict(s->queue_fd, &s->shared->batch, v);
    atomic_store_explicit(&s->verdicts_pending, true, memory_order_relaxed);
    if (!wait)
        divert_flush(s);
    return err;
}

/*
 * A signal handler that interrupted the lock's holder and is about to end the process sends what is
 * there: a verdict that is sent twice does nothing the second time.
 */
void divert_send_verdicts(struct divert_socket *s)
{
    if (divert_lock(s)) {
        nfqueue_flush_twice(s->queue_fd, &s->shared->batch);
        return;
    }
    look_at_timer(s);
    divert_flush(s);
    if (timer_armed(s))
        verdict_timer_disarm(s->timer);
    atomic_store_explicit(&s->verdicts_pending, s->shared->batch.used != 0, memory_order_relaxed);
    divert_unlock(s);
}

static void send_if_pending(struct divert_socket *s, void *arg)
{
    (void)arg;
    if (atomic_load_explicit(&s->verdicts_pending, memory_order_relaxed))
        divert_send_verdicts(s);
}

void divert_send_pending_verdicts(void)
{
    int saved = errno;

    divert_each(send_if_pending, NULL);
    errno = saved;
}

/* Packets in the ring came after all that were read; a sibling's may have come before. */
bool divert_none_before(const struct divert_socket *s, uint16_t queue, uint32_t id)
{
    const struct divert_last *last = &s->shared->last;
    bool last_after = !last->outstanding ||
                      (last->packet.queue == queue && nfqueue_id_after(last->packet.id, id));

    return last_after && !s->sibling && !s->shared->drop_gap &&
           in_flight_all_after(&s->shared->in_flight, queue, id);
}

int divert_drop(struct divert_socket *s, const struct in_flight_packet *packet)
{
    struct nfqueue_verdict v = {
        .id = packet->id,
        .queue = packet->queue,
        .none_before = divert_none_before(s, packet->queue, packet->id),
        .verdict = NF_DROP,
    };
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
        last->outstanding = true; /* its keys are not computed yet */
        last->packet = packet;
    } else {
        in_flight_add(&s->shared->in_flight, &packet, &evicted);
    }
}
