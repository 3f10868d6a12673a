/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The in-flight table of a divert socket: packets that were read and wait for their verdict. It
 * finds the one that a written packet was read as, and the oldest, which is dropped when it is not
 * written in time.
 *
 * It lies in memory that processes may share, so it holds indices, and pointers only to compare
 * them. It takes no lock, allocates nothing and makes no system call. The cost of an operation does
 * not depend on how many packets are outstanding.
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

/* What is known of a packet that was read. Numbers are in host byte order. */
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
    bool gso;             /* a large (GSO) packet: the kernel segments it later */
    uintptr_t buffer;     /* address of the program's buffer */
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
    uint32_t unused; /* number of entries ever used */
    uint32_t free;   /* freed entries, linked by age.next */
    uint32_t mixed;  /* not all are of one queue, in the order of their ids */
    struct in_flight_list age;
    struct in_flight_list bucket[IN_FLIGHT_INDICES][IN_FLIGHT_BUCKETS];
    struct in_flight_entry entry[IN_FLIGHT_SIZE];
};

/* The direction of a written packet, and the interface if it is incoming. */
struct in_flight_direction {
    bool incoming;
    uint32_t indev; /* interface index; incoming packets only */
};

/* Whether a packet was read in that direction. */
static inline bool in_flight_same_direction(const struct in_flight_packet *p,
                                            const struct in_flight_direction *direction)
{
    return p->incoming == direction->incoming &&
           (!direction->incoming || p->indev == direction->indev);
}

/* Empties the table. One of zero bytes is empty: fresh mappings need no initialisation. */
void in_flight_reset(struct in_flight *t);

/*
 * Adds a packet that was read. If the table is full, the oldest is removed: it is copied to
 * *evicted and the result is true; the caller drops it.
 */
bool in_flight_add(struct in_flight *t, const struct in_flight_packet *packet,
                   struct in_flight_packet *evicted);

/*
 * Finds the packet that was read as the one now written from buffer with these keys, in the same
 * direction, and removes it. Looks in this order for: the same bytes; the same payload (addresses
 * were rewritten); the same flow and id (payload was rewritten); the same id; the last packet read
 * into the same buffer. Among equals one read into the same buffer wins, then the oldest. Returns
 * false if there is none.
 */
bool in_flight_match(struct in_flight *t, const struct packet_keys *keys, uintptr_t buffer,
                     const struct in_flight_direction *direction, struct in_flight_packet *found);

/* Removes a packet that was read with exactly these bytes, in whatever direction; false if none. */
bool in_flight_take_exact(struct in_flight *t, const struct packet_keys *keys, uintptr_t buffer,
                          struct in_flight_packet *found);

/* Whether all packets are known to have come into that queue after the one with that id. */
bool in_flight_all_after(const struct in_flight *t, uint16_t queue, uint32_t id);

/* The packet read first, or NULL; valid until the next change. */
const struct in_flight_packet *in_flight_oldest(const struct in_flight *t);

/* Removes the packet read first; false if there is none. */
bool in_flight_expire(struct in_flight *t, struct in_flight_packet *oldest);

#endif
