/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NFQUEUE: binding a queue, taking packets out of it in batches, giving verdicts. Nothing here
 * knows divert sockets or their addresses. Numbers are in host byte order.
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
 * Room for the largest message. The pages of a slot that no large packet touches cost nothing; and
 * not to be a power of two keeps the slots from meeting in the same lines of the cache.
 */
#define NFQUEUE_SLOT_SIZE (65536 + 4096 + 1600)

/*
 * Packets taken out and not read yet. The two halves are filled in turn, so that those that were
 * read last stay a while. May lie in memory that processes share, at another address
 * in each. All zeros is an empty ring.
 */
struct nfqueue_ring {
    uint32_t base;    /* where the half begins that is in use: 0 or NFQUEUE_SLOTS */
    uint32_t first;   /* the next to be read */
    uint32_t end;     /* behind the last */
    uint32_t used;    /* behind the last slot that holds a message, its packet read or not */
    uint32_t last_id; /* of the packet taken out last */
    uint32_t size;    /* bytes of a message on average, the last time that any were taken out */
    uint64_t refused; /* verdicts that the kernel did not take because of missing capabilities */
    struct nfqueue_packet packet[NFQUEUE_SLOTS * 2];
    _Alignas(64) uint8_t slot[NFQUEUE_SLOTS * 2][NFQUEUE_SLOT_SIZE];
};

/*
 * Where a system call is to put what it takes out: one for each slot of a ring, laid out once. It
 * belongs to one process, since it holds addresses.
 */
struct nfqueue_messages {
    struct mmsghdr message[NFQUEUE_SLOTS * 2];
    struct iovec iov[NFQUEUE_SLOTS * 2];
};

struct nfqueue_verdict {
    uint32_t id;
    uint16_t queue;
    bool none_before;    /* all that came before it into the queue have left it, or will before */
    int verdict;         /* NF_DROP, NF_ACCEPT or NF_REPEAT */
    uint32_t mark;       /* of the packet from now on */
    const void *payload; /* the packet's new bytes, or NULL to leave it as it is */
    size_t len;
};

/*
 * Verdicts that go to the kernel together. A page holds them: for more the kernel would have to map
 * memory anew each time.
 */
#define NFQUEUE_BATCH_SIZE 3584

struct nfqueue_batch {
    uint32_t used;  /* bytes */
    uint32_t last;  /* where the last message begins */
    uint32_t owner; /* id of the thread that put them there; the caller's business */
    /* Behind the last message, a length of zero ends what the kernel takes. */
    _Alignas(4) uint8_t bytes[NFQUEUE_BATCH_SIZE + sizeof(uint32_t)];
    uint32_t sent_len; /* bytes that are being sent, 0 for none */
    _Alignas(4) uint8_t sent[NFQUEUE_BATCH_SIZE];
};

/* The kernel numbers packets on and on, queue by queue. */
static inline bool nfqueue_id_after(uint32_t id, uint32_t other)
{
    return (int32_t)(id - other) > 0;
}

static inline bool nfqueue_ring_empty(const struct nfqueue_ring *ring)
{
    return ring->first == ring->end;
}

/* Slots that are free in the half that is in use. */
static inline uint32_t nfqueue_ring_room(const struct nfqueue_ring *ring)
{
    return ring->base + NFQUEUE_SLOTS - ring->used;
}

/* The half that an empty ring is filled in next. */
static inline uint32_t nfqueue_ring_next_base(const struct nfqueue_ring *ring)
{
    return ring->base ? 0 : NFQUEUE_SLOTS;
}

/* Goes on to that half, if the ring is empty and has been used. */
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
 * Makes fd the owner of a queue. Until nfqueue_start() the kernel drops what it has for the queue.
 * Returns 0, -EADDRINUSE if somebody has the queue, -EACCES without CAP_NET_ADMIN, or -EOPNOTSUPP
 * if the kernel has no nfnetlink_queue.
 */
int nfqueue_bind(int fd, uint16_t queue);

/*
 * From now on packets come, and the queue holds up to queue_len of them. An nfnetlink_request() on
 * the same descriptor would lose some. Returns 0 or -errno.
 */
int nfqueue_start(int fd, uint16_t queue, uint32_t queue_len);

/* Whether large packets (GSO) come uncut. At first they do not. Returns 0 or -errno. */
int nfqueue_set_gso(int fd, uint16_t queue, bool on);

/* Gives a queue up; what waits in it is dropped. Returns 0 or -errno. */
int nfqueue_unbind(int fd, uint16_t queue);

/* Lays messages out for the slots of a ring, where this process has it. */
void nfqueue_lay_out(struct nfqueue_messages *m, struct nfqueue_ring *ring);

/*
 * Takes packets out of the kernel's queue, without waiting, as many as the ring has slots for; an
 * empty ring has all of them. Returns how many came, or -errno.
 */
int nfqueue_fill(int fd, struct nfqueue_ring *ring, struct nfqueue_messages *messages);

/*
 * Puts a verdict to those that are to be sent, and sends them first if there is no room. Packets
 * that follow each other and go the same way, unchanged and with the same mark, become one message:
 * each of these decides about all that the queue has up to its packet, hence none_before. Returns
 * 0, or -errno of send(2): then it was not put.
 */
int nfqueue_put_verdict(int fd, struct nfqueue_batch *batch, const struct nfqueue_verdict *v);

/*
 * Sends all verdicts of a batch, which is empty meanwhile: whoever else sends what is in it sends
 * none twice. Returns 0, or -errno of send(2): then they are still in it.
 */
int nfqueue_flush(int fd, struct nfqueue_batch *batch);

/*
 * Sends what a batch holds and leaves it there, from a signal handler that may have interrupted who
 * is changing it.
 */
void nfqueue_flush_twice(int fd, const struct nfqueue_batch *batch);

/*
 * From now on the kernel drops what it has for the queue, and what waits in it; last_id is that of
 * the packet taken out last. The queue stays ours. Returns 0 or -errno.
 */
int nfqueue_stop(int fd, uint16_t queue, uint32_t last_id);

/* Empties a batch, without sending what it holds; but for the last verdict that was put there. */
void nfqueue_forget(struct nfqueue_batch *batch);
void nfqueue_keep_last(struct nfqueue_batch *batch);

/* Drops the packets of a queue up to one, in the order in which they came. Returns 0 or -errno. */
int nfqueue_drop_up_to(int fd, uint16_t queue, uint32_t last_id);

/*
 * Drops all packets of a queue, read or not. some_id is that of any packet it had lately. Returns 0
 * or -errno.
 */
int nfqueue_drop_all(int fd, uint16_t queue, uint32_t some_id);

#endif
