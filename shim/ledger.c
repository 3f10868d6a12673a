/* SPDX-License-Identifier: BSD-2-Clause */
#include "ledger.h"

#include <string.h>

#define CHAIN_LOOK 16 /* candidates looked at in a chain: keeps the cost flat */
#define ALIKE      15 /* the likeness of the very packet */

void ledger_reset(struct ledger *l)
{
    l->count = l->unused = l->free = 0;
    l->age = (struct ledger_list){0};
    memset(l->bucket, 0, sizeof(l->bucket));
}

static uint32_t key_of(const struct packet_keys *keys, uintptr_t buffer, enum ledger_index index)
{
    switch (index) {
    case LEDGER_EXACT:
        return (uint32_t)keys->exact;
    case LEDGER_SURVIVOR:
        return keys->survivor;
    case LEDGER_FLOW:
        return keys->flow;
    case LEDGER_IDENT:
        return keys->ident;
    default:
        return (uint32_t)(((uint64_t)buffer * 0x9e3779b97f4a7c15u) >> 32);
    }
}

static struct ledger_list *bucket_of(struct ledger *l, const struct packet_keys *keys,
                                     uintptr_t buffer, enum ledger_index index)
{
    return &l->bucket[index][key_of(keys, buffer, index) % LEDGER_BUCKETS];
}

static struct ledger_link *link_of(struct ledger *l, uint32_t number, int index)
{
    struct ledger_entry *e = &l->entry[number - 1];

    return index < 0 ? &e->age : &e->chain[index];
}

/* index is an enum ledger_index, or -1 for the list by age. */
static void append(struct ledger *l, struct ledger_list *list, uint32_t number, int index)
{
    *link_of(l, number, index) = (struct ledger_link){.prev = list->last};
    if (list->last)
        link_of(l, list->last, index)->next = number;
    else
        list->first = number;
    list->last = number;
}

static void unlink_entry(struct ledger *l, struct ledger_list *list, uint32_t number, int index)
{
    struct ledger_link *link = link_of(l, number, index);

    if (link->prev)
        link_of(l, link->prev, index)->next = link->next;
    else
        list->first = link->next;
    if (link->next)
        link_of(l, link->next, index)->prev = link->prev;
    else
        list->last = link->prev;
}

static void take(struct ledger *l, uint32_t number, struct ledger_packet *out)
{
    struct ledger_entry *e = &l->entry[number - 1];

    *out = e->packet;
    for (int i = 0; i < LEDGER_INDICES; i++)
        unlink_entry(l, bucket_of(l, &e->packet.keys, e->packet.buffer, i), number, i);
    unlink_entry(l, &l->age, number, -1);
    e->age.next = l->free;
    l->free = number;
    l->count--;
}

bool ledger_add(struct ledger *l, const struct ledger_packet *packet, struct ledger_packet *evicted)
{
    bool full = l->count == LEDGER_SIZE;
    uint32_t number;

    if (full)
        take(l, l->age.first, evicted);
    number = l->free;
    if (number)
        l->free = l->entry[number - 1].age.next;
    else
        number = ++l->unused;

    l->entry[number - 1].packet = *packet;
    append(l, &l->age, number, -1);
    for (int i = 0; i < LEDGER_INDICES; i++)
        append(l, bucket_of(l, &packet->keys, packet->buffer, i), number, i);
    l->count++;
    return full;
}

static bool same_key(const struct ledger_packet *p, const struct packet_keys *keys,
                     uintptr_t buffer, enum ledger_index index)
{
    switch (index) {
    case LEDGER_EXACT:
        return p->keys.exact == keys->exact;
    case LEDGER_BUFFER:
        return p->buffer == buffer;
    case LEDGER_IDENT:
        return keys->ident && p->keys.ident == keys->ident;
    default:
        return key_of(&p->keys, p->buffer, index) == key_of(keys, buffer, index);
    }
}

/* How much of a candidate speaks for it beyond the key it was found by. */
static unsigned likeness(const struct ledger_packet *p, const struct packet_keys *keys,
                         uintptr_t buffer)
{
    bool one_end = p->keys.from == keys->from || p->keys.to == keys->to;

    return (p->buffer == buffer) * 8u + (p->keys.flow == keys->flow) * 4u + one_end * 2u +
           (p->keys.survivor == keys->survivor);
}

static uint32_t best_in_chain(struct ledger *l, const struct packet_keys *keys, uintptr_t buffer,
                              const struct ledger_way *way, enum ledger_index index)
{
    const struct ledger_list *list = bucket_of(l, keys, buffer, index);
    bool newest = index == LEDGER_BUFFER;
    uint32_t number = newest ? list->last : list->first, best = 0;
    unsigned best_likeness = 0;

    for (int looked = 0; number && looked < CHAIN_LOOK; looked++) {
        const struct ledger_entry *e = &l->entry[number - 1];
        unsigned like;

        if (same_key(&e->packet, keys, buffer, index) && ledger_same_way(&e->packet, way)) {
            if (newest)
                return number;
            like = likeness(&e->packet, keys, buffer);
            if (!best || like > best_likeness) {
                best = number;
                best_likeness = like;
            }
            if (like == ALIKE)
                break;
        }
        number = newest ? e->chain[index].prev : e->chain[index].next;
    }
    return best;
}

bool ledger_match(struct ledger *l, const struct packet_keys *keys, uintptr_t buffer,
                  const struct ledger_way *way, struct ledger_packet *found)
{
    if (!l->count)
        return false;
    for (int i = 0; i < LEDGER_INDICES; i++) {
        uint32_t number = best_in_chain(l, keys, buffer, way, i);

        if (number) {
            take(l, number, found);
            return true;
        }
    }
    return false;
}

const struct ledger_packet *ledger_oldest(const struct ledger *l)
{
    return l->age.first ? &l->entry[l->age.first - 1].packet : NULL;
}

bool ledger_expire(struct ledger *l, struct ledger_packet *oldest)
{
    if (!l->age.first)
        return false;
    take(l, l->age.first, oldest);
    return true;
}
