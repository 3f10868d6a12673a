/* SPDX-License-Identifier: BSD-2-Clause */
/* Large packets, as GSO leaves them, on the wires of wire.h. */
#ifndef LARGE_H
#define LARGE_H

#include "wire.h"

/*
 * Makes a TCP packet with that many bytes of patterned payload; IPv4 with DF. Its checksums are
 * right. Returns its length.
 */
size_t make_tcp(uint8_t *packet, const char *from, const char *to, size_t payload);

/*
 * Corrects the lengths and checksums of the IPv4 header, if any, and of TCP or UDP after a change;
 * len is the new length.
 */
void make_right(uint8_t *packet, size_t len);

/*
 * Sends a TCP or UDP packet from the far end as a GSO packet with segments of PIECE bytes. False,
 * after a message, if this kernel takes no such UDP (Linux before 6.2).
 */
bool wire_send_large(struct wire *w, const uint8_t *packet, size_t len, size_t piece);

/*
 * Checks a packet that is part of what was sent as this large TCP packet: the next segment, within
 * the MTU, with the same headers and right checksums. Returns where its payload ends.
 */
size_t add_segment(const uint8_t *packet, const uint8_t *segment, size_t len, size_t mtu,
                   size_t at);

/* Expects that the next packets on the wire are segments that add up to this one, and no others. */
void wire_expect_segments(struct wire *w, const uint8_t *packet, size_t len, size_t mtu);

#endif
