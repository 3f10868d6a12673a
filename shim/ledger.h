/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger of a divert socket: the packets that were read and wait for their verdict. It finds
 * the one that a written packet stems from, and the oldest, which is dropped when nobody writes it.
 *
 * It lives in memory that processes may share, so it holds indices and no pointers but those it
 * only compares. It does not lock, does not allocate and does not call the system; every operation
 * costs the same with one packet outstanding as with LEDGER_SIZE.
 */
#ifndef DIVERTSHIM_LEDGER_H
#define DIVERTSHIM_LEDGER_H

#include "packet.h"

#include <stdbool.h>
#include <stdint.h>

#define LEDGER_SIZE    12288 /* packets that may be outstanding */
#define LEDGER_BUCKETS 4096

enum ledger_index {
    LEDGER_EXACT,
    LEDGER_SURVIVOR,
    LEDGER_FLOW,
    LEDGER_IDENT,
    LEDGER_BUFFER,
    LEDGER_INDICES
};

/* What is known of a packet that was read. Numbers in host byte order unless it says otherwise. */
struct ledger_packet {
    uint32_t id;    /* NFQUEUE packet id */
    uint16_t queue; /* number of the queue it waits in */
    uint32_t mark;  /* as it was queued */
    uint32_t indev; /* interface indices, 0 for none */
    uint32_t outdev;
    uint32_t len;         /* bytes */
    uint64_t destination; /* packet_destination_key() */
    uint8_t hook;         /* NF_INET_* */
    uint8_t family;       /* AF_INET or AF_INET6 */
    bool incoming;        /* in the sense of divert(4) */
    uintptr_t buffer;     /* where the program asked it to be put */
    uint64_t read_at;     /* CLOCK_MONOTONIC, nanoseconds */
    struct packet_keys keys;
};

struct ledger_link {
    uint32_t next, prev; /* index + 1; 0 ends the list */
};

struct ledger_entry {
    struct ledger_packet packet;
    struct ledger_link age;
    struct ledger_link chain[LEDGER_INDICES];
};

struct ledger_list {
    uint32_t first, last; /* index + 1; 0 for none */
};

struct ledger {
    uint32_t count;
    uint32_t unused; /* entries from here on were never used */
    uint32_t free;   /* freed entries, linked by age.next */
    struct ledger_list age;
    struct ledger_list bucket[LEDGER_INDICES][LEDGER_BUCKETS];
    struct ledger_entry entry[LEDGER_SIZE];
};

/* The way a written packet is to go. */
struct ledger_way {
    bool incoming;
    uint32_t indev; /* interface index; incoming packets only */
};

/* Whether a packet goes on the way it came. */
static inline bool ledger_same_way(const struct ledger_packet *p, const struct ledger_way *way)
{
    return p->incoming == way->incoming && (!way->incoming || p->indev == way->indev);
}

/* A ledger of zero bytes is empty: fresh mappings need no initialisation. */
void ledger_reset(struct ledger *l);

/*
 * Notes a packet that was read. If the ledger is full, the oldest leaves it: *evicted gets it and
 * the result is true; the caller drops it.
 */
bool ledger_add(struct ledger *l, const struct ledger_packet *packet,
                struct ledger_packet *evicted);

/*
 * Takes the packet out that was read as the one now written from buffer with these keys, and that
 * came the way it is to go. Looks for, in this order: the same bytes; the same payload (addresses
 * were rewritten); the same flow and id (payload was rewritten); the same id; the packet that was
 * last read into the same buffer. Among equals the one from the same buffer wins, then the oldest.
 * Returns false if there is none.
 */
bool ledger_match(struct ledger *l, const struct packet_keys *keys, uintptr_t buffer,
                  const struct ledger_way *way, struct ledger_packet *found);

/* The packet read first, or NULL. It stays. Valid until the next change. */
const struct ledger_packet *ledger_oldest(const struct ledger *l);

/* Takes out the packet read first; false if there is none. */
bool ledger_expire(struct ledger *l, struct ledger_packet *oldest);

#endif
