/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of this folder share. */
#ifndef DIVERTSHIM_PACKET_PRIVATE_H
#define DIVERTSHIM_PACKET_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the parts of a packet are. Lengths and offsets are in bytes, numbers in host byte order. */
struct packet_layout {
    uint8_t protocol;
    uint16_t id;
    size_t transport;       /* offset of the transport header */
    size_t payload;         /* offset behind the transport header */
    const uint8_t *address; /* source and destination, one after the other */
    size_t address_len;     /* of both */
    const uint8_t *final;   /* the final destination in a routing header, or NULL */
    bool first;             /* holds the transport header: not a later fragment */
    bool complete;          /* holds all that the transport checksum covers */
};

/* Safe with any bytes; false if they are shorter than an IP header. */
bool packet_lay_out(const uint8_t *p, size_t len, struct packet_layout *l);

/* Whether a TCP or UDP checksum is left to the card: the field holds the pseudo header's sum. */
bool packet_transport_checksum_is_partial(const uint8_t *p, size_t len,
                                          const struct packet_layout *l);

#endif
