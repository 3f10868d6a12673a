/* SPDX-License-Identifier: BSD-2-Clause */
#include "backlog.h"

#include <string.h>

struct entry {
    struct nfq_packet packet;
    uint32_t size; /* of it all */
    _Alignas(8) uint8_t bytes[];
};

/* -EDEADLK is of a signal handler: it does without. What a process left that died is lost. */
static bool lock(struct backlog *b)
{
    int err = shared_lock(&b->lock);

    if (err == -EOWNERDEAD) {
        b->first = b->end = b->wrap = 0;
        atomic_store(&b->count, 0);
    }
    return err != -EDEADLK;
}

static struct entry *entry_at(struct backlog *b, uint32_t offset)
{
    return (struct entry *)(void *)(b->bytes + offset);
}

static uint32_t entry_size(const struct nfq_packet *packet)
{
    return (uint32_t)((sizeof(struct entry) + packet->len + 7) & ~(size_t)7);
}

/* Room for size bytes, or NULL. An entry never ends where the first one begins. */
static struct entry *append(struct backlog *b, uint32_t size)
{
    bool wrapped = b->end < b->first;
    struct entry *e;

    if (!wrapped && size > BACKLOG_BYTES - b->end) {
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

bool backlog_put(struct backlog *b, struct nfq_ring *from, const struct nfq_packet *packet)
{
    uint32_t size = entry_size(packet);
    struct entry *e;

    if (!lock(b))
        return false;
    if (!backlog_waits(b))
        b->first = b->end = b->wrap = 0;
    e = append(b, size);
    if (e) {
        e->packet = *packet;
        e->size = size;
        memcpy(e->bytes, nfq_bytes(from, packet), packet->len);
        atomic_fetch_add(&b->count, 1);
    }
    shared_unlock(&b->lock);
    return e != NULL;
}

static void move_first(struct backlog *b, struct nfq_ring *to)
{
    struct nfq_packet *p = &to->packet[to->end++];
    const struct entry *e;

    if (b->wrap && b->first == b->wrap)
        b->first = b->wrap = 0;
    e = entry_at(b, b->first);
    *p = e->packet;
    p->at = to->used++ * NFQ_SLOT_SIZE;
    memcpy(nfq_bytes(to, p), e->bytes, p->len);
    b->first += e->size;
    atomic_fetch_sub(&b->count, 1);
}

uint32_t backlog_take(struct backlog *b, struct nfq_ring *to)
{
    uint32_t before;

    if (!lock(b))
        return 0;
    if (nfq_ring_empty(to))
        to->first = to->end = to->used = 0;
    before = to->end;
    while (backlog_waits(b) && to->used < NFQ_SLOTS && to->end < NFQ_SLOTS)
        move_first(b, to);
    shared_unlock(&b->lock);
    return to->end - before;
}
