/* SPDX-License-Identifier: BSD-2-Clause */
/* The packets that a socket's sibling took for it. */
#include "divert/handoff_queue.h"

#include <string.h>

struct entry {
    struct nfqueue_packet packet;
    uint32_t size; /* bytes, this header included */
    _Alignas(8) uint8_t bytes[];
};

/*
 * False in a signal handler that interrupted the lock's holder. If the holder has died, the packets
 * in the queue are lost.
 */
static bool lock(struct handoff_queue *q)
{
    int err = shared_lock(&q->lock);

    if (err == -EOWNERDEAD) {
        q->first = q->end = q->wrap = 0;
        atomic_store(&q->count, 0);
    }
    return err != -EDEADLK;
}

static struct entry *entry_at(struct handoff_queue *q, uint32_t offset)
{
    return (struct entry *)(void *)(q->bytes + offset);
}

static uint32_t entry_size(const struct nfqueue_packet *packet)
{
    return (uint32_t)((sizeof(struct entry) + packet->len + 7) & ~(size_t)7);
}

/* Room for size bytes, or NULL. An entry never ends where the first one begins. */
static struct entry *take_room(struct handoff_queue *q, uint32_t size)
{
    bool wrapped = q->end < q->first;
    struct entry *e;

    if (!wrapped && size > HANDOFF_QUEUE_BYTES - q->end) {
        if (size >= q->first)
            return NULL;
        q->wrap = q->end;
        q->end = 0;
    } else if (wrapped && size >= q->first - q->end) {
        return NULL;
    }
    e = entry_at(q, q->end);
    q->end += size;
    return e;
}

bool handoff_queue_put(struct handoff_queue *q, struct nfqueue_ring *from,
                       const struct nfqueue_packet *packet)
{
    uint32_t size = entry_size(packet);
    struct entry *e;

    if (!lock(q))
        return false;
    if (!handoff_queue_waits(q))
        q->first = q->end = q->wrap = 0;
    e = take_room(q, size);
    if (e) {
        e->packet = *packet;
        e->size = size;
        memcpy(e->bytes, nfqueue_bytes(from, packet), packet->len);
        atomic_fetch_add(&q->count, 1);
    }
    shared_unlock(&q->lock);
    return e != NULL;
}

static void move_first(struct handoff_queue *q, struct nfqueue_ring *to)
{
    struct nfqueue_packet *p = &to->packet[to->end++];
    const struct entry *e;

    if (q->wrap && q->first == q->wrap)
        q->first = q->wrap = 0;
    e = entry_at(q, q->first);
    *p = e->packet;
    p->at = to->used++ * NFQUEUE_SLOT_SIZE;
    memcpy(nfqueue_bytes(to, p), e->bytes, p->len);
    q->first += e->size;
    atomic_fetch_sub(&q->count, 1);
}

uint32_t handoff_queue_take(struct handoff_queue *q, struct nfqueue_ring *to)
{
    uint32_t before;

    if (!lock(q))
        return 0;
    nfqueue_ring_turn(to);
    before = to->end;
    while (handoff_queue_waits(q) && nfqueue_ring_room(to))
        move_first(q, to);
    shared_unlock(&q->lock);
    return to->end - before;
}
