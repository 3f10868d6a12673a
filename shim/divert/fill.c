/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking packets from the kernel into the ring, and dropping those that are not written in time. */
#include "divert/private.h"

#include "divert/tracing.h"
#include "netif/interfaces.h"
#include "util/clock.h"

#include <linux/netfilter.h>

uint64_t divert_overdue_at(struct divert_socket *s)
{
    const struct in_flight_packet *oldest = in_flight_oldest(&s->shared->in_flight);

    if (!oldest && s->shared->last.outstanding)
        oldest = &s->shared->last.packet;
    return oldest ? oldest->read_at + s->options->hold_ms * NS_PER_MS : DIVERT_NEVER;
}

static void note_expired(struct divert_socket *s, const struct in_flight_packet *packet)
{
    status_count(&s->shared->status.expired, packet->len);
    if (trace_on())
        divert_trace_dropped(s, packet, "not written in time");
}

void divert_drop_overdue(struct divert_socket *s)
{
    struct in_flight_packet packet;
    uint64_t overdue_at = divert_overdue_at(s);

    while (overdue_at != DIVERT_NEVER && overdue_at <= clock_ns()) {
        divert_add_in_flight(s);
        in_flight_expire(&s->shared->in_flight, &packet);
        if (divert_drop(s, &packet) == 0)
            note_expired(s, &packet);
        overdue_at = divert_overdue_at(s);
    }
}

/*
 * Under rules by hand, which know nothing of tags, an injected packet is never diverted again: it
 * carries the tag TAG_PAST_ALL and is accepted here. At its last hook the tag is removed.
 */
static bool pass_injected(struct divert_socket *s, const struct nfqueue_packet *p)
{
    struct nfqueue_verdict v = {
        .id = p->id, .queue = p->queue, .verdict = NF_ACCEPT, .mark = p->mark};

    if (s->options->tags || options_tag_of_mark(s->options, p->mark) != TAG_PAST_ALL)
        return false;
    if (p->is_tee)
        return true;
    if (p->hook == NF_INET_POST_ROUTING || p->hook == NF_INET_LOCAL_IN)
        v.mark = options_mark_with_tag(s->options, p->mark, 0);
    divert_give_verdict(s, &v);
    return true;
}

/* After IP_DIVERTFL, packets that the socket does not want go on as if written unchanged. */
static bool pass_unwanted(struct divert_socket *s, const struct nfqueue_packet *p)
{
    bool ours = !s->sibling || p->family == s->shared->family, tagged;
    int wanted = ours ? s->shared->wanted : s->sibling->shared->wanted;
    struct nfqueue_verdict v;

    if (__builtin_expect(!wanted, 1) ||
        wanted & (divert_is_incoming(p) ? WANTED_INCOMING : WANTED_OUTGOING))
        return false;
    tagged = s->options->tags && options_tag_of_mark(s->options, p->mark) != 0;
    v = (struct nfqueue_verdict){
        .id = p->id, .queue = p->queue, .verdict = tagged ? NF_REPEAT : NF_ACCEPT, .mark = p->mark};
    if (tagged && s->options->openbsd)
        v.mark = options_mark_with_tag(s->options, p->mark, (uint16_t)s->options->tag_last);
    if (!p->is_tee)
        divert_give_verdict(s, &v);
    return true;
}

int divert_send_back(struct divert_socket *s, const struct nfqueue_packet *p)
{
    uint16_t tag = options_tag_of_mark(s->options, p->mark);
    struct nfqueue_verdict v = {
        .id = p->id,
        .queue = p->queue,
        .verdict = NF_REPEAT,
        .mark = p->mark,
    };

    if (s->options->tags && tag != 0)
        v.mark = options_mark_with_tag(s->options, p->mark, (uint16_t)(tag - 1));
    return divert_give_verdict(s, &v);
}

/*
 * Only the kernel knows where a large UDP packet divides into datagrams, so everything but TCP is
 * cut by it before it is read. Once injected, the datagrams could not be told apart.
 */
static bool cut_by_kernel(struct divert_socket *s, const struct nfqueue_packet *p)
{
    bool gso = s->shared->gso, sent;

    if (__builtin_expect(!p->gso, 1) || packet_is_tcp(nfqueue_bytes(&s->shared->ring, p), p->len))
        return false;
    if (gso)
        divert_set_gso(s, false);
    sent = divert_send_back(s, p) == 0;
    divert_flush(s);
    if (gso)
        divert_set_gso(s, true);
    return sent;
}

/*
 * The packet read last stays where it is until its half of the ring is filled again; then it moves
 * to the in-flight table.
 */
static void keep_last(struct divert_socket *s)
{
    const struct nfqueue_ring *ring = &s->shared->ring;
    bool turns = nfqueue_ring_empty(ring) && ring->used != ring->base;

    if (turns &&
        s->shared->last.number / NFQUEUE_SLOTS == nfqueue_ring_next_base(ring) / NFQUEUE_SLOTS)
        divert_add_in_flight(s);
}

/*
 * A process that died had taken packets and not recorded them. They are older than the first that
 * comes now; all other older ones have been dropped.
 */
static void drop_gap(struct divert_socket *s, const struct nfqueue_packet *p, uint32_t count)
{
    while (count > 0 && p->is_tee) {
        p++;
        count--;
    }
    if (!count)
        return;
    nfqueue_drop_up_to(s->queue_fd, p->queue, p->id - 1);
    s->shared->drop_gap = false;
}

/*
 * Takes packets from the kernel, if there is room. Returns how many came, before those are sorted
 * out that are not for the program; or -errno.
 */
static int fill_alone(struct divert_socket *s)
{
    struct nfqueue_ring *ring = &s->shared->ring;
    uint32_t end, kept;
    bool behind;
    int n;

    divert_flush(s);
    keep_last(s);
    n = nfqueue_fill(s->queue_fd, ring, &s->messages);
    end = ring->end;
    if (n <= 0)
        return n;
    behind = handoff_queue_waits(&s->shared->handoff_queue);
    kept = end - (uint32_t)n;
    if (__builtin_expect(s->shared->drop_gap, 0))
        drop_gap(s, &ring->packet[kept], (uint32_t)n);
    for (uint32_t i = kept; i < end; i++) {
        bool other = behind || ring->packet[i].family != s->shared->family;

        if (pass_injected(s, &ring->packet[i]) || pass_unwanted(s, &ring->packet[i]) ||
            cut_by_kernel(s, &ring->packet[i]) ||
            (__builtin_expect(other, 0) && divert_hand_over(s, &ring->packet[i])))
            continue;
        if (kept != i)
            ring->packet[kept] = ring->packet[i];
        kept++;
    }
    ring->end = kept;
    interfaces_refresh_if_old(); /* changes made before these packets came are seen with them */
    return n;
}

static int fill(struct divert_socket *s)
{
    if (__builtin_expect(s->sibling != NULL, 0))
        return divert_take_in_turn(s, fill_alone);
    return fill_alone(s);
}

int divert_fill(struct divert_socket *s)
{
    struct nfqueue_ring *ring = &s->shared->ring;

    divert_drop_overdue(s);
    while (nfqueue_ring_empty(ring)) {
        int n;

        keep_last(s);
        if (handoff_queue_waits(&s->shared->handoff_queue) &&
            handoff_queue_take(&s->shared->handoff_queue, ring))
            break;
        n = fill(s);
        if (n <= 0)
            return n;
    }
    return 1;
}

void divert_pass_injected(struct divert_socket *s)
{
    if (s->options->tags || !s->shared->bound)
        return;
    while (fill(s) > 0) {
        /* it may meet a second queue rule */
    }
}
