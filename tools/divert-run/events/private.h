/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of events/ share: the packet of an event, and what is done with it. */
#ifndef DIVERT_RUN_EVENTS_PRIVATE_H
#define DIVERT_RUN_EVENTS_PRIVATE_H

#include "events/events.h"
#include "rule/event.h"

#define EVENT_PACKET_MAX 1280 /* bytes of a packet that are copied */

/* The copy of a packet, from its IP header on. */
struct told_packet {
    const uint8_t *bytes;
    size_t len;
    bool incoming;
    bool to_many;       /* it came as an Ethernet broadcast or multicast */
    unsigned interface; /* index of where it came in or goes out */
};

/* The headers of a packet. */
struct headers {
    int family;               /* 4 or 6 */
    size_t network;           /* length of the IP header with its extension headers */
    size_t total;             /* length of the whole packet, as its header says */
    int proto;                /* of the transport header */
    unsigned offset;          /* of a fragment, in bytes */
    bool more;                /* fragments follow */
    unsigned id;              /* of the fragment */
    const uint8_t *transport; /* what was copied of it */
    size_t transport_len;
};

/* headers.c. False: it is no IP packet, or too little of it was copied. */
bool headers_read(const struct told_packet *packet, struct headers *h);

/* answer.c: opens the sockets. Warns if that fails. */
void answer_open(uint32_t mark_mask);
void answer_send(const struct rule_answer *answer, const struct told_packet *packet,
                 const struct headers *h);

/*
 * reply.c: writes a RST for a TCP packet, with its IP header, and returns its length; 0: it gets
 * none.
 */
#define REPLY_MAX 1280
size_t reply_reset(const struct told_packet *packet, const struct headers *h,
                   uint8_t out[REPLY_MAX]);
/*
 * Writes an ICMP error without its IP header (for IPv6 without a checksum, too), and returns its
 * length; 0: it gets none.
 */
size_t reply_unreach(const struct rule_answer *answer, const struct told_packet *packet,
                     const struct headers *h, uint8_t out[REPLY_MAX]);

/* log.c */
void log_packet(const struct event *event, const struct told_packet *packet,
                const struct headers *h);

#endif
