/* SPDX-License-Identifier: BSD-2-Clause */
/* The in-flight table: adding, finding and removing packets. */
#include "divert/in_flight.h"

#include "nfq.h"

#include <string.h>

#define CHAIN_LOOK 16 /* candidates looked at in a chain: keeps the cost flat */
#define ALIKE      15 /* the highest likeness */

void in_flight_reset(struct in_flight *t)
{
    t->count = t->unused = t->free = 0;
    t->age = (struct in_flight_list){0};
    memset(t->bucket, 0, sizeof(t->bucket));
}

static uint32_t key_of(const struct packet_keys *keys, uintptr_t buffer, enum in_flight_index index)
{
    switch (index) {
    case IN_FLIGHT_EXACT:
        return (uint32_t)keys->exact;
    case IN_FLIGHT_SURVIVOR:
        return keys->survivor;
    case IN_FLIGHT_FLOW:
        return keys->flow;
    case IN_FLIGHT_IDENT:
        return keys->ident;
    default:
        return (uint32_t)(((uint64_t)buffer * 0x9e3779b97f4a7c15u) >> 32);
    }
}

static struct in_flight_list *bucket_of(struct in_flight *t, const struct packet_keys *keys,
                                        uintptr_t buffer, enum in_flight_index index)
{
    return &t->bucket[index][key_of(keys, buffer, index) % IN_FLIGHT_BUCKETS];
}

static struct in_flight_link *link_of(struct in_flight *t, uint32_t number, int index)
{
    struct in_flight_entry *e = &t->entry[number - 1];

    return index < 0 ? &e->age : &e->chain[index];
}

/* index is an enum in_flight_index, or -1 for the list by age. */
static void append_entry(struct in_flight *t, struct in_flight_list *list, uint32_t number,
                         int index)
{
    *link_of(t, number, index) = (struct in_flight_link){.prev = list->last};
    if (list->last)
        link_of(t, list->last, index)->next = number;
    else
        list->first = number;
    list->last = number;
}

static void unlink_entry(struct in_flight *t, struct in_flight_list *list, uint32_t number,
                         int index)
{
    struct in_flight_link *link = link_of(t, number, index);

    if (link->prev)
        link_of(t, link->prev, index)->next = link->next;
    else
        list->first = link->next;
    if (link->next)
        link_of(t, link->next, index)->prev = link->prev;
    else
        list->last = link->prev;
}

static void take_entry(struct in_flight *t, uint32_t number, struct in_flight_packet *out)
{
    struct in_flight_entry *e = &t->entry[number - 1];

    *out = e->packet;
    for (int i = 0; i < IN_FLIGHT_INDICES; i++)
        unlink_entry(t, bucket_of(t, &e->packet.keys, e->packet.buffer, i), number, i);
    unlink_entry(t, &t->age, number, -1);
    e->age.next = t->free;
    t->free = number;
    t->count--;
}

static bool follows_newest(const struct in_flight *t, const struct in_flight_packet *packet)
{
    const struct in_flight_packet *newest = &t->entry[t->age.last - 1].packet;

    return packet->queue == newest->queue && nfqueue_id_after(packet->id, newest->id);
}

bool in_flight_add(struct in_flight *t, const struct in_flight_packet *packet,
                   struct in_flight_packet *evicted)
{
    bool full = t->count == IN_FLIGHT_SIZE;
    uint32_t number;

    if (full)
        take_entry(t, t->age.first, evicted);
    t->mixed = t->count > 0 && (t->mixed || !follows_newest(t, packet));
    number = t->free;
    if (number)
        t->free = t->entry[number - 1].age.next;
    else
        number = ++t->unused;

    t->entry[number - 1].packet = *packet;
    append_entry(t, &t->age, number, -1);
    for (int i = 0; i < IN_FLIGHT_INDICES; i++)
        append_entry(t, bucket_of(t, &packet->keys, packet->buffer, i), number, i);
    t->count++;
    return full;
}

static bool same_key(const struct in_flight_packet *p, const struct packet_keys *keys,
                     uintptr_t buffer, enum in_flight_index index)
{
    switch (index) {
    case IN_FLIGHT_EXACT:
        return p->keys.exact == keys->exact;
    case IN_FLIGHT_BUFFER:
        return p->buffer == buffer;
    case IN_FLIGHT_IDENT:
        return keys->ident && p->keys.ident == keys->ident;
    default:
        return key_of(&p->keys, p->buffer, index) == key_of(keys, buffer, index);
    }
}

/* How well a candidate agrees with the written packet, beyond the key by which it was found. */
static unsigned likeness(const struct in_flight_packet *p, const struct packet_keys *keys,
                         uintptr_t buffer)
{
    bool one_end = p->keys.from == keys->from || p->keys.to == keys->to;

    return (p->buffer == buffer) * 8u + (p->keys.flow == keys->flow) * 4u + one_end * 2u +
           (p->keys.survivor == keys->survivor);
}

/* direction is NULL for any. */
static uint32_t best_in_chain(struct in_flight *t, const struct packet_keys *keys, uintptr_t buffer,
                              const struct in_flight_direction *direction,
                              enum in_flight_index index)
{
    const struct in_flight_list *list = bucket_of(t, keys, buffer, index);
    bool newest = index == IN_FLIGHT_BUFFER;
    uint32_t number = newest ? list->last : list->first, best = 0;
    unsigned best_likeness = 0;

    for (int looked = 0; number && looked < CHAIN_LOOK; looked++) {
        const struct in_flight_entry *e = &t->entry[number - 1];
        unsigned like;

        if (same_key(&e->packet, keys, buffer, index) &&
            (!direction || in_flight_same_direction(&e->packet, direction))) {
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

bool in_flight_match(struct in_flight *t, const struct packet_keys *keys, uintptr_t buffer,
                     const struct in_flight_direction *direction, struct in_flight_packet *found)
{
    if (!t->count)
        return false;
    for (int i = 0; i < IN_FLIGHT_INDICES; i++) {
        uint32_t number = best_in_chain(t, keys, buffer, direction, i);

        if (number) {
            take_entry(t, number, found);
            return true;
        }
    }
    return false;
}

bool in_flight_take_exact(struct in_flight *t, const struct packet_keys *keys, uintptr_t buffer,
                          struct in_flight_packet *found)
{
    uint32_t number = t->count ? best_in_chain(t, keys, buffer, NULL, IN_FLIGHT_EXACT) : 0;

    if (number)
        take_entry(t, number, found);
    return number != 0;
}

bool in_flight_all_after(const struct in_flight *t, uint16_t queue, uint32_t id)
{
    const struct in_flight_packet *oldest = in_flight_oldest(t);

    return !oldest || (!t->mixed && oldest->queue == queue && nfqueue_id_after(oldest->id, id));
}

const struct in_flight_packet *in_flight_oldest(const struct in_flight *t)
{
    return t->age.first ? &t->entry[t->age.first - 1].packet : NULL;
}

bool in_flight_expire(struct in_flight *t, struct in_flight_packet *oldest)
{
    if (!t->age.first)
        return false;
    take_entry(t, t->age.first, oldest);
    return true;
}
