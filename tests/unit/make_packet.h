/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets for tests. Ports and ids in host byte order, addresses as text. */
#ifndef MAKE_PACKET_H
#define MAKE_PACKET_H

#include <stddef.h>
#include <stdint.h>

/* An IPv4 packet with right checksums, its length as the result. out needs len + 20 bytes. */
size_t make_ipv4(void *out, uint8_t protocol, const char *src, const char *dst, uint16_t id,
                 const void *payload, size_t len);

/* The same with a UDP header (no UDP checksum) before the payload. */
size_t make_udp(void *out, const char *src, uint16_t sport, const char *dst, uint16_t dport,
                uint16_t id, const void *payload, size_t len);

#endif
