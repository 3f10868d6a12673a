/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of a socket that another one took out of the kernel's queue, in the order in which they
 * came. In memory that processes share; all zeros is an empty one.
 */
#ifndef DIVERTSHIM_HANDOFF_QUEUE_H
#define DIVERTSHIM_HANDOFF_QUEUE_H

#include "nfq.h"
#include "process/shared_lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HANDOFF_QUEUE_BYTES                                              \
    (8u << 20) /* address space; pages that were never used cost nothing \
                */

struct handoff_queue {
    struct shared_lock lock;
    _Atomic uint32_t count;
    uint32_t first; /* offset of the next to be taken */
    uint32_t end;   /* and of where the last one ends */
    uint32_t wrap;  /* from here on nothing, it goes on at 0 */
    _Alignas(64) uint8_t bytes[HANDOFF_QUEUE_BYTES];
};

/* Whether there is a packet. No lock. */
static inline bool handoff_queue_waits(const struct handoff_queue *b)
{
    return atomic_load_explicit(&b->count, memory_order_acquire) != 0;
}

/* Puts a packet of the ring behind the others; false if there is no room. */
bool handoff_queue_put(struct handoff_queue *b, struct nfqueue_ring *from,
                       const struct nfqueue_packet *packet);

/* Moves packets to the end of a ring, as many as it has slots for; returns how many. */
uint32_t handoff_queue_take(struct handoff_queue *b, struct nfqueue_ring *to);

#endif
