/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that a socket's sibling took from the kernel's queue for it, in the order in which they
 * came. Lies in memory that processes share; all zeros is an empty queue.
 */
#ifndef DIVERTSHIM_HANDOFF_QUEUE_H
#define DIVERTSHIM_HANDOFF_QUEUE_H

#include "nfq.h"
#include "process/shared_lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Address space; pages that are never touched cost nothing. */
#define HANDOFF_QUEUE_BYTES (8u << 20)

struct handoff_queue {
    struct shared_lock lock;
    _Atomic uint32_t count;
    uint32_t first; /* offset of the next packet to be taken */
    uint32_t end;   /* offset behind the last packet */
    uint32_t wrap;  /* if not 0: nothing follows this offset, the next packet is at 0 */
    _Alignas(64) uint8_t bytes[HANDOFF_QUEUE_BYTES];
};

/* Whether there is a packet. No lock. */
static inline bool handoff_queue_waits(const struct handoff_queue *q)
{
    return atomic_load_explicit(&q->count, memory_order_acquire) != 0;
}

/* Appends a copy of a packet of the ring; false if there is no room. */
bool handoff_queue_put(struct handoff_queue *q, struct nfqueue_ring *from,
                       const struct nfqueue_packet *packet);

/* Moves packets to the end of a ring, as many as it has slots for; returns how many. */
uint32_t handoff_queue_take(struct handoff_queue *q, struct nfqueue_ring *to);

#endif
