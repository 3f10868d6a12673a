/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a packet: its address and bytes, and recording that it was read. */
#include "divert/private.h"

#include "divert/tracing.h"
#include "util/clock.h"
#include "util/scatter.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

static uint16_t tag_of(const struct options *o, const struct nfqueue_packet *p)
{
    uint16_t tag = options_tag_of_mark(o, p->mark);

    return tag > o->tag_base ? (uint16_t)(tag - o->tag_base) : 0;
}

/* FreeBSD's address of a diverted packet, see divert(4) and sys/netinet/ip_divert.c. */
static void address4(struct divert_socket *s, const struct nfqueue_packet *p, uint16_t tag,
                     struct divert_address *address)
{
    struct sockaddr_in *sin = &address->in;
    const struct interface *in;
    size_t name;

    *sin = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = tag};
    address->len = sizeof(*sin);
    in = interfaces_recall(&s->in, p->indev);
    if (!in)
        return;
    if (divert_is_incoming(p))
        sin->sin_addr.s_addr = in->address;
    address->incoming = sin->sin_addr.s_addr != INADDR_ANY;
    name = strlen(in->name) + 1;
    if (!s->options->openbsd && name <= sizeof(sin->sin_zero))
        memcpy(sin->sin_zero, in->name, name);
}

/* The tag is in host byte order. */
static void address_of_packet(struct divert_socket *s, const struct nfqueue_packet *p,
                              struct divert_address *address)
{
    bool tagged = s->options->tags && !s->options->openbsd;
    uint16_t tag = tagged ? tag_of(s->options, p) : 0;

    address->incoming = false;
    if (__builtin_expect(s->shared->family == AF_INET6, 0))
        divert_address6(s, p, tag, address);
    else
        address4(s, p, tag, address);
}

static void drop_evicted(struct divert_socket *s, const struct in_flight_packet *packet)
{
    if (divert_drop(s, packet))
        return;
    status_count(&s->shared->status.evicted, packet->len);
    if (trace_on())
        divert_trace_dropped(s, packet, "too many were read and not written");
}

void divert_add_in_flight(struct divert_socket *s)
{
    struct divert_last *last = &s->shared->last;
    struct nfqueue_ring *ring = &s->shared->ring;
    struct in_flight_packet evicted;

    if (!last->outstanding)
        return;
    last->outstanding = false;
    packet_keys(s->shared->seed, nfqueue_bytes(ring, &ring->packet[last->number]), last->packet.len,
                &last->packet.keys);
    if (in_flight_add(&s->shared->in_flight, &last->packet, &evicted))
        drop_evicted(s, &evicted);
    last->packet.id = 0; /* the in-flight table has it */
}

/*
 * Incoming means here that the address says so: what was read as INADDR_ANY will be written as
 * that. On an interface without an address nothing else tells incoming packets from outgoing ones.
 */
static void note_outstanding(struct divert_socket *s, const struct msghdr *msg,
                             const struct nfqueue_packet *p, const struct divert_address *address)
{
    struct divert_last *last = &s->shared->last;

    divert_add_in_flight(s);
    last->outstanding = true;
    last->number = (uint32_t)(p - s->shared->ring.packet);
    last->address = *address;
    last->packet = (struct in_flight_packet){
        .id = p->id,
        .queue = p->queue,
        .mark = p->mark,
        .indev = p->indev,
        .outdev = p->outdev,
        .destination = packet_destination_key(nfqueue_bytes(&s->shared->ring, p)),
        .len = p->len,
        .hook = p->hook,
        .family = p->family,
        .incoming = address->incoming,
        .gso = p->gso,
        .buffer = msg->msg_iovlen ? (uintptr_t)msg->msg_iov[0].iov_base : 0,
        .read_at = clock_ns(),
    };
}

static void give_address(struct msghdr *msg, const struct divert_address *a)
{
    if (!msg->msg_name)
        return;
    memcpy(msg->msg_name, &a->any, msg->msg_namelen < a->len ? msg->msg_namelen : a->len);
    msg->msg_namelen = a->len;
}

/*
 * Copies the packet to the program; returns how much fitted. Checksums that were left to the
 * network card are completed, in the ring as well: there they are compared with what the program
 * writes.
 */
static size_t give_bytes(const struct msghdr *msg, const struct nfqueue_packet *p, uint8_t *bytes)
{
    if (p->no_checksum && !p->is_tee) {
        if (msg->msg_iovlen == 1 && msg->msg_iov->iov_len >= p->len) {
            packet_transport_checksum_fix_copy(msg->msg_iov->iov_base, bytes, p->len);
            return p->len;
        }
        packet_transport_checksum_fix(bytes, p->len);
    } else if (p->is_tee) {
        packet_transport_checksum_complete(bytes, p->len);
    }
    return scatter(msg, bytes, p->len);
}

static size_t space_in(const struct msghdr *msg)
{
    size_t space = 0;

    for (size_t i = 0; i < (size_t)msg->msg_iovlen; i++)
        space += msg->msg_iov[i].iov_len;
    return space;
}

/* What a read returns: the ring's first packet, or a segment of it. */
struct next {
    const struct nfqueue_packet *packet;
    struct nfqueue_packet segment; /* packet, if it is one */
    uint8_t *bytes;
    bool last; /* the ring's first packet has been read then */
};

/* NFLOG passes copies on uncut. They are cut into what was or will be on the wire. */
static void cut_copy(struct divert_socket *s, struct next *next)
{
    const struct nfqueue_packet *p = next->packet;
    struct interface wire;
    unsigned count;

    if (!interfaces_by_index(divert_is_incoming(p) ? p->indev : p->outdev, &wire))
        return;
    count = packet_segment_count(next->bytes, p->len, wire.mtu);
    if (p->segment >= count || count == 1)
        return;
    next->segment = *p;
    next->segment.len =
        (uint32_t)packet_segment(next->bytes, p->len, wire.mtu, p->segment, s->shared->scratch);
    next->packet = &next->segment;
    next->bytes = s->shared->scratch;
    next->last = p->segment + 1u == count;
}

/* Whether a copy is read uncut: TCP with --gso, if the program has room for it. */
static bool copy_is_whole(const struct divert_socket *s, const struct next *next, size_t space)
{
    const struct nfqueue_packet *p = next->packet;

    return s->shared->gso && p->segment == 0 && p->len <= space &&
           packet_is_tcp(next->bytes, p->len);
}

/* space is the size of the program's buffers, in bytes. */
static void find_next(struct divert_socket *s, size_t space, struct next *next)
{
    struct nfqueue_ring *ring = &s->shared->ring;

    next->packet = &ring->packet[ring->first];
    next->bytes = nfqueue_bytes(ring, next->packet);
    next->last = true;
    if (__builtin_expect(next->packet->is_tee, 0) && !copy_is_whole(s, next, space))
        cut_copy(s, next);
}

/*
 * A large packet that the program has no room for is sent back to be cut by the kernel, as without
 * --gso.
 */
static void skip_too_large(struct divert_socket *s, const struct msghdr *msg)
{
    struct nfqueue_ring *ring = &s->shared->ring;

    for (; !nfqueue_ring_empty(ring); ring->first++) {
        const struct nfqueue_packet *p = &ring->packet[ring->first];

        if (!p->gso || space_in(msg) >= p->len)
            return;
        if (s->shared->gso)
            divert_set_gso(s, false);
        if (divert_send_back(s, p))
            return; /* the program gets the beginning of it */
    }
}

static void note_read(struct divert_socket *s, const struct next *next, uint16_t tag)
{
    const struct nfqueue_packet *p = next->packet;

    status_count(&s->shared->status.read, p->len);
    if (p->is_tee)
        status_count(&s->shared->status.copies, p->len);
    if (trace_on())
        divert_trace_read(s, p, next->bytes, tag);
}

static void go_on(struct nfqueue_ring *ring, bool last)
{
    if (last)
        ring->first++;
    else
        ring->packet[ring->first].segment++;
}

static ssize_t read_first(struct divert_socket *s, struct msghdr *msg, int flags)
{
    const struct nfqueue_packet *p;
    struct divert_address address;
    struct next next;
    size_t copied;

    find_next(s, space_in(msg), &next);
    p = next.packet;
    address_of_packet(s, p, &address);
    copied = give_bytes(msg, p, next.bytes);
    give_address(msg, &address);
    msg->msg_controllen = 0;
    msg->msg_flags = copied < p->len ? MSG_TRUNC : 0;
    if (!(flags & MSG_PEEK)) {
        note_read(s, &next, address.in.sin_port);
        if (!p->is_tee)
            note_outstanding(s, msg, p, &address);
        go_on(&s->shared->ring, next.last);
    }
    return flags & MSG_TRUNC ? (ssize_t)p->len : (ssize_t)copied;
}

/* As divert_fill(), for a packet that fits into the program's buffers. */
static int fill_for(struct divert_socket *s, const struct msghdr *msg, int flags)
{
    for (;;) {
        int n = divert_fill(s);

        if (n <= 0)
            return n;
        if (!(flags & (MSG_PEEK | MSG_TRUNC)))
            skip_too_large(s, msg);
        if (!nfqueue_ring_empty(&s->shared->ring))
            return n;
    }
}

static ssize_t read_packet(struct divert_socket *s, struct msghdr *msg, int flags)
{
    ssize_t len;
    int n;

    if (s->shared->cannot_receive)
        return 0;
    n = fill_for(s, msg, flags);
    if (n <= 0)
        return n < 0 ? n : -EAGAIN;
    len = read_first(s, msg, flags);
    if (nfqueue_ring_empty(&s->shared->ring) && s->shared->eventfd_set)
        divert_fill(s); /* under load: if more have come, the eventfd stays set */
    return len;
}

ssize_t divert_recvmsg(struct divert_socket *s, struct msghdr *msg, int flags)
{
    ssize_t n;

    if (divert_lock(s))
        return -EDEADLK;
    n = read_packet(s, msg, flags);
    divert_unlock(s);
    return n;
}

uint64_t divert_read_deadline(const struct divert_socket *s, int flags)
{
    const struct divert_shared *shared = s->shared;

    if ((flags & MSG_DONTWAIT) || atomic_load_explicit(&shared->nonblocking, memory_order_relaxed))
        return 0;
    return shared->receive_timeout ? clock_exact_ns() + shared->receive_timeout : DIVERT_NEVER;
}

int divert_next_len(struct divert_socket *s)
{
    struct next next;
    int len = divert_lock(s);

    if (len)
        return 0;
    if (!s->shared->cannot_receive && divert_fill(s) > 0) {
        find_next(s, SIZE_MAX, &next);
        len = (int)next.packet->len;
    }
    divert_unlock(s);
    return len;
}
