/* SPDX-License-Identifier: BSD-2-Clause */
/* The packets that a socket's sibling took for it. */
#include "divert/handoff_queue.h"

#include <string.h>

struct entry {
    struct nfqueue_packet packet;
    uint32_t size; /* of it all */
    _Alignas(8) uint8_t bytes[];
};

/* -EDEADLK is of a signal handler: it does without. What a process left that died is lost. */
static bool lock(struct handoff_queue *b)
{
    int err = shared_lock(&b->lock);

    if (err == -EOWNERDEAD) {
        b->first = b->end = b->wrap = 0;
        atomic_store(&b->count, 0);
    }
    return err != -EDEADLK;
}

static struct entry *entry_at(struct handoff_queue *b, uint32_t offset)
{
    return (struct entry *)(void *)(b->bytes + offset);
}

static uint32_t entry_size(const struct nfqueue_packet *packet)
{
    return (uint32_t)((sizeof(struct entry) + packet->len + 7) & ~(size_t)7);
}

/* Room for size bytes, or NULL. An entry never ends where the first one begins. */
static struct entry *take_room(struct handoff_queue *b, uint32_t size)
{
    bool wrapped = b->end < b->first;
    struct entry *e;

    if (!wrapped && size > HANDOFF_QUEUE_BYTES - b->end) {
        if (size >= b->first)
            return NULL;
        b->wrap = b->end;
        b->end = 0;
    } else if (wrapped && size >= b->first - b->end) {
        return NULL;
    }
    e = entry_at(b, b->end);
    b->end += size;
    return e;
}

bool handoff_queue_put(struct handoff_queue *b, struct nfqueue_ring *from,
                       const struct nfqueue_packet *packet)
{
    uint32_t size = entry_size(packet);
    struct entry *e;

    if (!lock(b))
        return false;
    if (!handoff_queue_waits(b))
        b->first = b->end = b->wrap = 0;
    e = take_room(b, size);
    if (e) {
        e->packet = *packet;
        e->size = size;
        memcpy(e->bytes, nfqueue_bytes(from, packet), packet->len);
        atomic_fetch_add(&b->count, 1);
    }
    shared_unlock(&b->lock);
    return e != NULL;
}

static void move_first(struct handoff_queue *b, struct nfqueue_ring *to)
{
    struct nfqueue_packet *p = &to->packet[to->end++];
    const struct entry *e;

    if (b->wrap && b->first == b->wrap)
        b->first = b->wrap = 0;
    e = entry_at(b, b->first);
    *p = e->packet;
    p->at = to->used++ * NFQUEUE_SLOT_SIZE;
    memcpy(nfqueue_bytes(to, p), e->bytes, p->len);
    b->first += e->size;
    atomic_fetch_sub(&b->count, 1);
}

uint32_t handoff_queue_take(struct handoff_queue *b, struct nfqueue_ring *to)
{
    uint32_t before;

    if (!lock(b))
        return 0;
    nfqueue_ring_turn(to);
    before = to->end;
    while (handoff_queue_waits(b) && nfqueue_ring_room(to))
        move_first(b, to);
    shared_unlock(&b->lock);
    return to->end - before;
}
