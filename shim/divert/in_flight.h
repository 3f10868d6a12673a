/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The in-flight table of a divert socket: the packets that were read and wait for their verdict. It
 * finds the one that a written packet stems from, and the oldest, which is dropped when nobody
 * writes it.
 *
 * It lives in memory that processes may share, so it holds indices and no pointers but those it
 * only compares. It does not lock, does not allocate and does not call the system; every operation
 * costs the same with one packet outstanding as with IN_FLIGHT_SIZE.
 */
#ifndef DIVERTSHIM_IN_FLIGHT_H
#define DIVERTSHIM_IN_FLIGHT_H

#include "packet/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define IN_FLIGHT_SIZE    12288 /* packets that may be outstanding */
#define IN_FLIGHT_BUCKETS 4096

enum in_flight_index {
    IN_FLIGHT_EXACT,
    IN_FLIGHT_SURVIVOR,
    IN_FLIGHT_FLOW,
    IN_FLIGHT_IDENT,
    IN_FLIGHT_BUFFER,
    IN_FLIGHT_INDICES
};

/* What is known of a packet that was read. Numbers in host byte order unless it says otherwise. */
struct in_flight_packet {
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
    bool gso;             /* read large: the kernel cuts it later */
    uintptr_t buffer;     /* where the program asked it to be put */
    uint64_t read_at;     /* CLOCK_MONOTONIC, nanoseconds */
    struct packet_keys keys;
};

struct in_flight_link {
    uint32_t next, prev; /* index + 1; 0 ends the list */
};

struct in_flight_entry {
    struct in_flight_packet packet;
    struct in_flight_link age;
    struct in_flight_link chain[IN_FLIGHT_INDICES];
};

struct in_flight_list {
    uint32_t first, last; /* index + 1; 0 for none */
};

struct in_flight {
    uint32_t count;
    uint32_t unused; /* entries from here on were never used */
    uint32_t free;   /* freed entries, linked by age.next */
    uint32_t mixed;  /* not all are of one queue and in its order */
    struct in_flight_list age;
    struct in_flight_list bucket[IN_FLIGHT_INDICES][IN_FLIGHT_BUCKETS];
    struct in_flight_entry entry[IN_FLIGHT_SIZE];
};

/* The way a written packet is to go. */
struct in_flight_direction {
    bool incoming;
    uint32_t indev; /* interface index; incoming packets only */
};

/* Whether a packet goes on the way it came. */
static inline bool in_flight_same_direction(const struct in_flight_packet *p,
                                            const struct in_flight_direction *direction)
{
    return p->incoming == direction->incoming &&
           (!direction->incoming || p->indev == direction->indev);
}

/* An in-flight table of zero bytes is empty: fresh mappings need no initialisation. */
void in_flight_reset(struct in_flight *l);

/*
 * Notes a packet that was read. If the in-flight table is full, the oldest leaves it: *evicted gets
 * it and the result is true; the caller drops it.
 */
bool in_flight_add(struct in_flight *l, const struct in_flight_packet *packet,
                   struct in_flight_packet *evicted);

/*
 * Takes the packet out that was read as the one now written from buffer with these keys, and that
 * came the way it is to go. Looks for, in this order: the same bytes; the same payload (addresses
 * were rewritten); the same flow and id (payload was rewritten); the same id; the packet that was
 * last read into the same buffer. Among equals the one from the same buffer wins, then the oldest.
 * Returns false if there is none.
 */
bool in_flight_match(struct in_flight *l, const struct packet_keys *keys, uintptr_t buffer,
                     const struct in_flight_direction *direction, struct in_flight_packet *found);

/* Takes the packet out that was read with these very bytes, whatever way it came; false if none. */
bool in_flight_take_exact(struct in_flight *l, const struct packet_keys *keys, uintptr_t buffer,
                          struct in_flight_packet *found);

/* Whether all packets are known to have come into that queue after the one of that id. */
bool in_flight_all_after(const struct in_flight *l, uint16_t queue, uint32_t id);

/* The packet read first, or NULL. It stays. Valid until the next change. */
const struct in_flight_packet *in_flight_oldest(const struct in_flight *l);

/* Takes out the packet read first; false if there is none. */
bool in_flight_expire(struct in_flight *l, struct in_flight_packet *oldest);

#endif
