/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing a packet: back as a verdict, or injected anew. */
#include "divert/private.h"

#include "divert/tracing.h"
#include "inject/inject.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

/* A packet that is being written. */
struct written {
    const uint8_t *packet;
    size_t len;
    uintptr_t buffer; /* address of the program's buffer */
    struct divert_destination to;
    uint32_t id; /* id and outdev of the packet it was read as, or 0 */
    uint32_t outdev;
    enum status_fate fate;
    bool matched, repeated;
};

/*
 * Brings the packet into one piece. scratch has room for the largest packet, and is used if msg has
 * several buffers.
 */
static int gather(const struct msghdr *msg, uint8_t *scratch, struct written *w)
{
    size_t len = 0;

    for (size_t i = 0; i < (size_t)msg->msg_iovlen; i++)
        len += msg->msg_iov[i].iov_len;
    if (len > PACKET_MAX)
        return -EMSGSIZE;
    w->packet = msg->msg_iovlen ? msg->msg_iov[0].iov_base : NULL;
    w->len = len;
    if (msg->msg_iovlen <= 1)
        return 0;
    w->packet = scratch;
    len = 0;
    for (size_t i = 0; i < (size_t)msg->msg_iovlen; i++) {
        memcpy(scratch + len, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
        len += msg->msg_iov[i].iov_len;
    }
    return 0;
}

/*
 * Corrects the checksums that the BSD corrects: OpenBSD all of them, FreeBSD that of an outgoing IP
 * header.
 */
static void make_checksums_right(struct divert_socket *s, struct written *w)
{
    uint8_t *copy = s->shared->scratch;
    bool all = s->options->openbsd;

    if (!all && (w->to.direction.incoming || packet_header_checksum_ok(w->packet)))
        return;
    if (w->packet != copy)
        memcpy(copy, w->packet, w->len);
    w->packet = copy;
    packet_header_checksum_fix(copy);
    if (all)
        packet_transport_checksum_fix(copy, w->len);
}

/*
 * The tag for the mark, never 0: a packet that was written is diverted. The tags of a program lie
 * between those of other programs' rules. Tag 0 becomes the last tag before the program's first
 * rule, or TAG_TOP if nothing comes before; tags that are too high become the program's last.
 */
static uint16_t tag_in_mark(const struct options *o, uint16_t tag)
{
    uint32_t in_mark = o->tag_base + tag;

    if (o->openbsd)
        return (uint16_t)o->tag_last;
    if (in_mark == 0)
        return TAG_TOP;
    return (uint16_t)(in_mark < o->tag_last ? in_mark : o->tag_last);
}

/*
 * With --gso a packet that is written may be large, too, if it is TCP: others are not read large.
 * When injected it is cut again.
 */
static bool may_be_large(const struct divert_socket *s, const struct written *w)
{
    return s->options->gso && packet_is_tcp(w->packet, w->len);
}

/* outdev is the index of the interface that it was to leave by, or 0. */
static int inject_written(struct divert_socket *s, struct written *w, uint32_t mark,
                          uint32_t outdev)
{
    /* an injected packet has no mark that shows how the rules were made */
    uint16_t tag = s->options->tags ? tag_in_mark(s->options, w->to.tag) : TAG_PAST_ALL;
    const struct inject_marks marks = {
        .routed = options_mark_with_tag(s->options, mark, s->options->socket_mark ? 0 : tag),
        .sent = options_mark_with_tag(s->options, mark, tag),
    };
    bool segment = may_be_large(s, w);
    const struct interface *in;
    int err;

    w->fate = w->to.direction.incoming ? STATUS_INJECTED_IN : STATUS_INJECTED_OUT;
    atomic_store_explicit(&s->shared->injected, true, memory_order_relaxed);
    divert_flush(s); /* packets leave in the order they were written */
    in = w->to.direction.incoming ? interfaces_recall(&s->in, w->to.direction.indev) : NULL;
    if (in)
        err = inject_incoming(w->packet, w->len, in, tag, s->options->mark_shift, segment);
    else if (w->to.direction.incoming)
        err = -EADDRNOTAVAIL;
    else
        err =
            inject_outgoing(w->packet, w->len, &marks, w->to.scope ? w->to.scope : outdev, segment);
    divert_pass_injected(s);
    return err;
}

/*
 * Packets in POSTROUTING and FORWARD have been routed already; those in OUTPUT are routed again by
 * the kernel.
 */
static bool needs_route(const struct written *w, const struct in_flight_packet *queued)
{
    return (queued->hook == NF_INET_POST_ROUTING || queued->hook == NF_INET_FORWARD) &&
           packet_destination_key(w->packet) != queued->destination;
}

/* A packet that was read large may grow: the kernel segments it later. */
static bool outgrew_mtu(const struct written *w, const struct in_flight_packet *queued)
{
    struct interface out;

    return !w->to.direction.incoming && !queued->gso && w->len > queued->len &&
           interfaces_by_index(queued->outdev, &out) && w->len > out.mtu;
}

static bool too_large_for_link(const struct divert_socket *s, const struct written *w,
                               const struct in_flight_packet *queued)
{
    return packet_dont_fragment(w->packet) && outgrew_mtu(w, queued) && !may_be_large(s, w);
}

/* The kernel does not fragment forwarded IPv6 packets, nor packets with DF. */
static bool needs_cut(const struct written *w, const struct in_flight_packet *queued)
{
    return (queued->family == AF_INET6 || packet_dont_fragment(w->packet)) &&
           outgrew_mtu(w, queued);
}

/* The kernel drops a GSO packet that has become shorter than one of its segments. */
static bool shrank_to_segment(const struct written *w, const struct in_flight_packet *queued)
{
    struct interface wire;

    return queued->gso && w->len < queued->len &&
           interfaces_by_index(w->to.direction.incoming ? queued->indev : queued->outdev, &wire) &&
           w->len <= wire.mtu;
}

static int give_verdict(struct divert_socket *s, struct written *w,
                        const struct in_flight_packet *queued, bool changed)
{
    bool tagged = s->options->tags && options_tag_of_mark(s->options, queued->mark) != 0;
    struct nfqueue_verdict v = {
        .id = queued->id,
        .queue = queued->queue,
        .none_before = divert_none_before(s, queued->queue, queued->id),
        .verdict = tagged ? NF_REPEAT : NF_ACCEPT,
        .mark = queued->mark,
        .payload = changed ? w->packet : NULL,
        .len = w->len,
    };
    int err;

    w->repeated = tagged;
    if (tagged)
        v.mark =
            options_mark_with_tag(s->options, queued->mark, tag_in_mark(s->options, w->to.tag));
    err = divert_give_verdict(s, &v);
    if (err)
        divert_leave_undecided(s, *queued, err);
    return err;
}

/*
 * Whether the packet read last is the one that is written now, as in_flight_match() would decide:
 * while no other is outstanding, the buffer is enough; else the bytes must be the same, too.
 */
static bool match_last(struct divert_socket *s, const struct written *w,
                       struct in_flight_packet *found, bool *changed)
{
    struct divert_last *last = &s->shared->last;
    struct nfqueue_ring *ring = &s->shared->ring;

    if (!last->outstanding || w->buffer != last->packet.buffer ||
        !in_flight_same_direction(&last->packet, &w->to.direction))
        return false;
    *changed = w->len != last->packet.len ||
               memcmp(w->packet, nfqueue_bytes(ring, &ring->packet[last->number]), w->len) != 0;
    if (*changed && s->shared->in_flight.count > 0)
        return false;
    last->outstanding = false;
    *found = last->packet;
    return true;
}

/*
 * Finds the packet that was read as this one. *keys are computed only if it is not the packet read
 * last.
 */
static bool match_in_flight(struct divert_socket *s, const struct written *w,
                            struct packet_keys *keys, struct in_flight_packet *found, bool *changed)
{
    if (match_last(s, w, found, changed))
        return true;
    divert_add_in_flight(s);
    packet_keys(s->shared->seed, w->packet, w->len, keys);
    if (!in_flight_match(&s->shared->in_flight, keys, w->buffer, &w->to.direction, found))
        return false;
    *changed = keys->exact != found->keys.exact;
    return true;
}

/*
 * The bytes that were read go another way: the packet in the queue must not wait for a write any
 * longer.
 */
static void drop_original(struct divert_socket *s, const struct packet_keys *keys, uintptr_t buffer)
{
    struct in_flight_packet original;

    if (in_flight_take_exact(&s->shared->in_flight, keys, buffer, &original))
        divert_drop(s, &original);
}

/*
 * A packet that was read goes back as a verdict; any other is injected. An incoming one with a
 * wrong header checksum is dropped silently, as the kernel does.
 */
static int put_back(struct divert_socket *s, struct written *w)
{
    bool bad = w->to.direction.incoming && !packet_header_checksum_ok(w->packet), changed;
    struct in_flight_packet queued;
    struct packet_keys keys;

    w->fate = bad ? STATUS_BAD_CHECKSUM : STATUS_MATCHED;
    if (!match_in_flight(s, w, &keys, &queued, &changed)) {
        drop_original(s, &keys, w->buffer);
        return bad ? 0 : inject_written(s, w, 0, 0);
    }
    w->matched = true;
    w->id = queued.id;
    w->outdev = queued.outdev;
    if (bad || too_large_for_link(s, w, &queued)) {
        divert_drop(s, &queued);
        return bad ? 0 : -EMSGSIZE;
    }
    if (needs_route(w, &queued) || needs_cut(w, &queued) || shrank_to_segment(w, &queued)) {
        divert_drop(s, &queued);
        return inject_written(s, w, queued.mark, queued.outdev);
    }
    return give_verdict(s, w, &queued, changed);
}

/*
 * The common case: the packet read last is written unchanged, with the address it was read with.
 * Then there is nothing to check or to look for, except for OpenBSD's checksums.
 */
static bool is_last_unchanged(const struct divert_socket *s, const struct msghdr *msg,
                              uintptr_t buffer)
{
    const struct divert_last *last = &s->shared->last;
    struct nfqueue_ring *ring = &s->shared->ring;

    return last->outstanding && buffer == last->packet.buffer && msg->msg_iovlen == 1 &&
           msg->msg_iov->iov_len == last->packet.len && divert_is_last_address(s, msg) &&
           !s->options->openbsd &&
           memcmp(msg->msg_iov->iov_base, nfqueue_bytes(ring, &ring->packet[last->number]),
                  last->packet.len) == 0;
}

static int put_last_back(struct divert_socket *s, struct written *w)
{
    struct divert_last *last = &s->shared->last;

    divert_take_last_address(last, &w->to);
    w->len = last->packet.len;
    w->fate = STATUS_MATCHED;
    w->matched = true;
    w->id = last->packet.id;
    w->outdev = last->packet.outdev;
    last->outstanding = false;
    return give_verdict(s, w, &last->packet, false);
}

static void trace_it(struct divert_socket *s, const struct written *w, int err)
{
    struct trace_packet p = {
        .bytes = w->packet,
        .len = w->len,
        .id = w->id,
        .queued = w->matched,
        .incoming = w->to.direction.incoming,
        .interface = w->to.direction.incoming ? w->to.direction.indev : w->outdev,
        .tag = w->to.tag,
    };

    divert_trace_written(s, &p, w->fate, w->repeated, err);
}

static void note_written(struct divert_socket *s, const struct written *w, int err)
{
    struct status *status = &s->shared->status;

    if (trace_on())
        trace_it(s, w, err);
    if (err) {
        status->refused++;
        return;
    }
    status_count(&status->written, w->len);
    status_count(&status->fate[w->fate], w->len);
}

static int check_packet(const struct divert_socket *s, struct written *w)
{
    if (__builtin_expect(s->shared->family == AF_INET6 || s->options->openbsd, 0) &&
        !divert_may_send(s, w->packet, w->len))
        return -EINVAL;
    return packet_check(w->packet, w->len, &w->len);
}

/* Checks the packet and its address. Needs no lock. */
static int check_written(const struct divert_socket *s, const struct msghdr *msg, struct written *w)
{
    int err = check_packet(s, w);

    return err ? err : divert_read_address(s, msg, &w->to);
}

/* The general case. */
static int write_any(struct divert_socket *s, const struct msghdr *msg, struct written *w)
{
    int err = check_written(s, msg, w);

    if (err)
        return err;
    make_checksums_right(s, w);
    return put_back(s, w);
}

/* buffer is the address of the program's buffer. */
static int write_packet(struct divert_socket *s, const struct msghdr *msg, uintptr_t buffer)
{
    struct written w = {.buffer = buffer};
    int err = gather(msg, s->shared->scratch, &w);
    size_t written = w.len;

    if (!err)
        err = is_last_unchanged(s, msg, buffer) ? put_last_back(s, &w) : write_any(s, msg, &w);
    note_written(s, &w, err);
    return err ? err : (int)written;
}

static uintptr_t buffer_of(const struct msghdr *msg)
{
    return msg->msg_iovlen ? (uintptr_t)msg->msg_iov[0].iov_base : 0;
}

/*
 * A packet written by a signal handler that interrupted the lock's holder. It is kept in a mapping
 * of its own until the lock is given up.
 */
struct deferred_write {
    struct deferred_write *next;
    pid_t process; /* a child has a copy, which it must not write */
    uintptr_t buffer;
    size_t len; /* of the packet */
    socklen_t address_len;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address;
    uint8_t packet[PACKET_MAX];
};

static int fill_deferred(const struct divert_socket *s, const struct msghdr *msg,
                         struct deferred_write *d)
{
    struct written w = {0};
    int err = gather(msg, d->packet, &w);

    if (err)
        return err;
    if (w.len && w.packet != d->packet)
        memcpy(d->packet, w.packet, w.len);
    d->len = w.len;
    d->buffer = buffer_of(msg);
    d->process = process_id();
    if (msg->msg_name) {
        d->address_len = msg->msg_namelen < sizeof(d->address) ? msg->msg_namelen
                                                               : (socklen_t)sizeof(d->address);
        memcpy(&d->address, msg->msg_name, d->address_len);
    }
    return check_written(s, msg, &w);
}

static ssize_t defer_write(struct divert_socket *s, const struct msghdr *msg)
{
    struct deferred_write *d =
        mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ssize_t n;

    if (d == MAP_FAILED)
        return -ENOBUFS;
    n = fill_deferred(s, msg, d);
    if (n) {
        munmap(d, sizeof(*d));
        return n;
    }
    n = (ssize_t)d->len;
    d->next = atomic_load(&s->deferred);
    while (!atomic_compare_exchange_weak(&s->deferred, &d->next, d)) {
        /* d->next has been updated */
    }
    return n;
}

static void write_one_deferred(struct divert_socket *s, struct deferred_write *d)
{
    struct iovec iov = {d->packet, d->len};
    struct msghdr msg = {
        .msg_name = d->address_len ? &d->address : NULL,
        .msg_namelen = d->address_len,
        .msg_iov = &iov,
        .msg_iovlen = 1,
    };

    if (d->process == process_id())
        write_packet(s, &msg, d->buffer);
}

/* The list is in reverse order. */
void divert_write_deferred(struct divert_socket *s)
{
    struct deferred_write *d = atomic_exchange(&s->deferred, NULL), *in_order = NULL, *next;

    for (; d; d = next) {
        next = d->next;
        d->next = in_order;
        in_order = d;
    }
    for (d = in_order; d; d = next) {
        next = d->next;
        write_one_deferred(s, d);
        munmap(d, sizeof(*d));
    }
}

/* What write(2) does on a socket that was shut down for writing. */
static int refuse_to_send(int flags)
{
    if (!(flags & MSG_NOSIGNAL))
        pthread_kill(pthread_self(), SIGPIPE);
    return -EPIPE;
}

ssize_t divert_sendmsg(struct divert_socket *s, const struct msghdr *msg, int flags)
{
    ssize_t n;

    if (divert_lock(s))
        return s->shared->cannot_send ? refuse_to_send(flags) : defer_write(s, msg);
    if (s->shared->cannot_send) {
        divert_unlock(s);
        return refuse_to_send(flags);
    }
    n = write_packet(s, msg, buffer_of(msg));
    divert_unlock(s);
    return n;
}
