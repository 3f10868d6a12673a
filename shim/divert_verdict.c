/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving verdicts. While the program has packets at hand to go on with, one waits for the next, so
 * that they go to the kernel together: until the last packet at hand has been read, until the
 * program waits, or until a guard sends them for want of either.
 */
#include "divert_private.h"

#include "clock.h"
#include "flusher.h"
#include "guard.h"
#include "log.h"

#include <linux/netfilter.h>
#include <string.h>

#define AHEAD 8 /* packets at hand that make a guard worth its two system calls */

void divert_flush(struct divert_socket *s)
{
    int err = 0;

    if (s->guard && guard_armed(s->guard)) {
        err = nfqueue_flush(s->queue_fd, guard_batch(s->guard));
        if (!err)
            guard_disarm(s->guard);
    }
    if (!err)
        err = nfqueue_flush(s->queue_fd, &s->shared->batch);
    if (err)
        log_line(LOG_DEBUG, "sending verdicts: %s", strerror(-err));
}

bool divert_verdicts_wait(const struct divert_socket *s)
{
    return s->shared->batch.used || (s->guard && guard_armed(s->guard));
}

static bool armed_here(const struct divert_socket *s)
{
    return s->guard && guard_armed_here(s->guard);
}

static void arm(struct divert_socket *s)
{
    if (!s->guard)
        s->guard = guard_open(s->queue_fd);
    if (s->guard && !guard_armed(s->guard) && flusher_note_thread())
        guard_arm(s->guard);
}

/* Whether the next verdict will come soon enough to be waited for. */
static bool may_wait(struct divert_socket *s)
{
    uint32_t at_hand = s->shared->ring.end - s->shared->ring.first;

    if (s->options->batch == BATCH_NEVER)
        return false;
    return at_hand >= (armed_here(s) ? 1 : AHEAD);
}

/* What was given by another thread, or left too long, goes first: verdicts keep their order. */
static void flush_others(struct divert_socket *s)
{
    if (s->guard && guard_armed(s->guard) && !guard_armed_here(s->guard))
        divert_flush(s);
}

int divert_give_verdict(struct divert_socket *s, const struct nfq_verdict *v)
{
    bool wait, guarded;
    int err;

    flush_others(s);
    wait = may_wait(s);
    if (wait && !armed_here(s))
        arm(s);
    guarded = armed_here(s);
    err = nfqueue_put_verdict(s->queue_fd, guarded ? guard_batch(s->guard) : &s->shared->batch, v);
    if (wait && !err && !guarded)
        wait = s->options->batch == BATCH_THREAD && flusher_note();
    if (!wait)
        divert_flush(s);
    return err;
}

void divert_send_verdicts(struct divert_socket *s)
{
    if (divert_lock(s))
        return;
    divert_flush(s);
    divert_unlock(s);
}

void divert_forget_verdicts(struct divert_socket *s)
{
    guard_close(s->guard);
    s->guard = NULL;
}

void divert_drop(struct divert_socket *s, const struct ledger_packet *packet)
{
    struct nfq_verdict v = {.id = packet->id, .queue = packet->queue, .verdict = NF_DROP};
    int err = divert_give_verdict(s, &v);

    if (err)
        divert_leave_undecided(s, *packet, err);
}

void divert_leave_undecided(struct divert_socket *s, struct ledger_packet packet, int err)
{
    struct divert_last *last = &s->shared->last;
    struct ledger_packet evicted;

    log_line(LOG_DEBUG, "verdict for packet %u: %s", packet.id, strerror(-err));
    packet.read_at = clock_exact_ns();
    if (packet.id == last->packet.id) {
        last->outstanding = true; /* has no keys yet */
        last->packet = packet;
    } else {
        ledger_add(&s->shared->ledger, &packet, &evicted);
    }
}
