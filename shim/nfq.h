/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NFQUEUE: binding a queue, taking packets out of it in batches, giving verdicts. Nothing here
 * knows divert sockets or their addresses. Numbers are in host byte order, packets and their
 * payload excepted.
 */
#ifndef DIVERTSHIM_NFQ_H
#define DIVERTSHIM_NFQ_H

#include "nfnetlink.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define NFQUEUE_SLOTS 64 /* packets taken out of the queue at once; a ring has twice as many */
/*
 * Bytes; room for the largest message. Pages of a slot that no large packet touches cost nothing.
 * The size is not a power of two, so that the slots do not compete for the same cache lines.
 */
#define NFQUEUE_SLOT_SIZE (65536 + 4096 + 1600)

/*
 * Packets taken out and not read yet. The two halves are filled in turn, so that packets stay a
 * while after they were read. May lie in memory that processes share, mapped at different
 * addresses. All zeros is an empty ring.
 */
struct nfqueue_ring {
    uint32_t base;    /* index of the first slot of the current half */
    uint32_t first;   /* index of the next packet to be read */
    uint32_t end;     /* index behind the last packet */
    uint32_t used;    /* index behind the last slot that holds a message */
    uint32_t last_id; /* of the packet taken out last */
    uint32_t size;    /* average bytes of a message, the last time that any came */
    uint64_t refused; /* verdicts refused by the kernel because of missing capabilities */
    struct nfqueue_packet packet[NFQUEUE_SLOTS * 2];
    _Alignas(64) uint8_t slot[NFQUEUE_SLOTS * 2][NFQUEUE_SLOT_SIZE];
};

/*
 * What recvmmsg(2) is called with: one entry for each slot of a ring, set up once. It belongs to
 * one process, since it holds addresses.
 */
struct nfqueue_messages {
    struct mmsghdr message[NFQUEUE_SLOTS * 2];
    struct iovec iov[NFQUEUE_SLOTS * 2];
};

struct nfqueue_verdict {
    uint32_t id;
    uint16_t queue;
    bool none_before;    /* all packets before it have left the queue, or will before it */
    int verdict;         /* NF_DROP, NF_ACCEPT or NF_REPEAT */
    uint32_t mark;       /* the packet's mark from now on */
    const void *payload; /* the packet's new bytes, or NULL to leave it as it is */
    size_t len;
};

/*
 * Verdicts that are sent together. The size (bytes) fits into a page: for more, the kernel would
 * allocate memory each time.
 */
#define NFQUEUE_BATCH_SIZE 3584

struct nfqueue_batch {
    uint32_t used;  /* bytes */
    uint32_t last;  /* offset of the last message */
    uint32_t owner; /* thread that put them there; for the caller */
    /* Behind the last message, a message length of zero ends what the kernel parses. */
    _Alignas(4) uint8_t bytes[NFQUEUE_BATCH_SIZE + sizeof(uint32_t)];
    uint32_t sent_len; /* bytes that are being sent, 0 for none */
    _Alignas(4) uint8_t sent[NFQUEUE_BATCH_SIZE];
};

/* Whether a packet came after another of the same queue: the kernel numbers them in order. */
static inline bool nfqueue_id_after(uint32_t id, uint32_t other)
{
    return (int32_t)(id - other) > 0;
}

static inline bool nfqueue_ring_empty(const struct nfqueue_ring *ring)
{
    return ring->first == ring->end;
}

/* Free slots in the current half. */
static inline uint32_t nfqueue_ring_room(const struct nfqueue_ring *ring)
{
    return ring->base + NFQUEUE_SLOTS - ring->used;
}

/* The first slot of the other half, which an empty ring is filled in next. */
static inline uint32_t nfqueue_ring_next_base(const struct nfqueue_ring *ring)
{
    return ring->base ? 0 : NFQUEUE_SLOTS;
}

/* Changes to that half, if the ring is empty and has been used. */
static inline void nfqueue_ring_turn(struct nfqueue_ring *ring)
{
    if (!nfqueue_ring_empty(ring) || ring->used == ring->base)
        return;
    ring->base = nfqueue_ring_next_base(ring);
    ring->first = ring->end = ring->used = ring->base;
}

static inline uint8_t *nfqueue_bytes(struct nfqueue_ring *ring, const struct nfqueue_packet *p)
{
    return (uint8_t *)ring->slot + p->at;
}

/*
 * Makes fd the owner of a queue. Until nfqueue_start() the kernel drops its packets. Returns 0 or
 * -errno: -EPERM if another socket has the queue, or without CAP_NET_ADMIN; -EADDRINUSE if fd has
 * it already; -EOPNOTSUPP if the kernel has no nfnetlink_queue.
 */
int nfqueue_bind(int fd, uint16_t queue);

/*
 * Starts the delivery of packets; the queue holds up to queue_len of them. An nfnetlink_request()
 * on the same descriptor would lose some. Returns 0 or -errno.
 */
int nfqueue_start(int fd, uint16_t queue, uint32_t queue_len);

/* Whether large (GSO) packets come uncut; off after nfqueue_bind(). Returns 0 or -errno. */
int nfqueue_set_gso(int fd, uint16_t queue, bool on);

/* Gives a queue up; its packets are dropped. Returns 0 or -errno. */
int nfqueue_unbind(int fd, uint16_t queue);

/* Sets up messages for the slots of a ring, at its address in this process. */
void nfqueue_lay_out(struct nfqueue_messages *m, struct nfqueue_ring *ring);

/*
 * Takes packets out of the kernel's queue without waiting, as many as there are free slots; an
 * empty ring changes to its other half before. Returns how many came, or -errno.
 */
int nfqueue_fill(int fd, struct nfqueue_ring *ring, struct nfqueue_messages *messages);

/*
 * Adds a verdict to a batch, and sends the batch before if there is no room. Unchanged packets that
 * follow each other with the same verdict and mark become one message, which decides about all
 * packets up to its own: hence none_before. Returns 0, or -errno of send(2): then it was not added.
 */
int nfqueue_put_verdict(int fd, struct nfqueue_batch *batch, const struct nfqueue_verdict *v);

/*
 * Sends all verdicts of a batch. It is empty meanwhile, so that an expiring timer sends none twice.
 * Returns 0, or -errno of send(2): then they are still in it.
 */
int nfqueue_flush(int fd, struct nfqueue_batch *batch);

/*
 * Sends what a batch holds and leaves it there; for a signal handler that may have interrupted a
 * change of the batch.
 */
void nfqueue_flush_twice(int fd, const struct nfqueue_batch *batch);

/*
 * Makes the kernel drop the packets of the queue, those in it and new ones. last_id is that of the
 * packet taken out last. The queue stays ours. Returns 0 or -errno.
 */
int nfqueue_stop(int fd, uint16_t queue, uint32_t last_id);

/* Empties a batch without sending it; nfqueue_keep_last() leaves its last message in it. */
void nfqueue_forget(struct nfqueue_batch *batch);
void nfqueue_keep_last(struct nfqueue_batch *batch);

/* Drops the packets of a queue up to the one of that id. Returns 0 or -errno. */
int nfqueue_drop_up_to(int fd, uint16_t queue, uint32_t last_id);

/*
 * Drops all packets of a queue, taken out or not. some_id is that of any recent packet of it.
 * Returns 0 or -errno.
 */
int nfqueue_drop_all(int fd, uint16_t queue, uint32_t some_id);

#endif
