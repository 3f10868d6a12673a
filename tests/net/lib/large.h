/* SPDX-License-Identifier: BSD-2-Clause */
/* Large packets, as GSO leaves them, on the wires of wire.h. */
#ifndef LARGE_H
#define LARGE_H

#include "wire.h"

/*
 * A TCP packet with so many bytes of payload, which has a pattern; IPv4 with DF. Its checksums are
 * right. Returns its length.
 */
size_t make_tcp(uint8_t *packet, const char *from, const char *to, size_t payload);

/* What makes the IPv4 header, if any, and TCP or UDP right after a change; len is the new length.
 */
void make_right(uint8_t *packet, size_t len);

/*
 * A TCP or UDP packet comes in from the far end as one that is to be cut: so much payload a piece.
 * False, which is said: this kernel takes no such UDP (Linux before 6.2).
 */
bool wire_send_large(struct wire *w, const uint8_t *packet, size_t len, size_t piece);

/*
 * Adds one packet to what was sent as this large TCP packet: the next segment, no larger than the
 * MTU, with the same headers and right checksums. Returns where its payload ends.
 */
size_t add_segment(const uint8_t *packet, const uint8_t *segment, size_t len, size_t mtu,
                   size_t at);

/* The next packets on the wire are segments of this one that add up to it, and none else. */
void wire_expect_segments(struct wire *w, const uint8_t *packet, size_t len, size_t mtu);

#endif
