/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets for tests. Ports and ids in host byte order, addresses as text. */
#ifndef MAKE_PACKET_H
#define MAKE_PACKET_H

#include <stddef.h>
#include <stdint.h>

/*
 * An IPv4 packet with right checksums, its length as the result. out needs len + 20 bytes. With
 * IPv6 addresses it is an IPv6 packet: out needs 20 bytes more, the id is the flow label, and the
 * transport checksum is set.
 */
size_t make_ip(void *out, uint8_t protocol, const char *src, const char *dst, uint16_t id,
               const void *payload, size_t len);

/* The same with a UDP header (IPv4: no UDP checksum) before the payload. */
size_t make_udp(void *out, const char *src, uint16_t sport, const char *dst, uint16_t dport,
                uint16_t id, const void *payload, size_t len);

/*
 * Inserts an extension header of that many bytes after the header of an IPv6 packet; its first byte
 * is filled in. Returns the packet's new length.
 */
size_t insert_header(uint8_t *packet, size_t len, uint8_t type, const void *bytes, size_t size);

/*
 * The sum over a transport header and payload with the pseudo header: 0 if its checksum is right.
 * The IP header has neither options nor extension headers.
 */
uint16_t transport_checksum(const uint8_t *packet, size_t len);

#endif
