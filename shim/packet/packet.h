/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP packets as bytes: headers, checksums, and the keys by which a packet that a program
 * writes is recognised as one it has read. Nothing here knows descriptors or netlink.
 */
#ifndef DIVERTSHIM_PACKET_H
#define DIVERTSHIM_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX 65535 /* bytes in the largest IP packet */

/*
 * What survives rewriting, as hashes with a secret seed. Two packets with the
 * same `exact` are taken to be the same bytes.
 */
struct packet_keys {
    uint64_t exact;    /* every byte */
    uint32_t survivor; /* protocol, id, length, payload: all that a NAT leaves alone */
    uint32_t flow;     /* addresses, ports, id, TCP sequence number: payload rewritten */
    uint32_t ident;    /* protocol, id, TCP sequence number; 0 when these say nothing */
    uint32_t from, to; /* address and port of either end: a NAT leaves one of them alone */
};

/*
 * Checks what divert(4) checks of a packet that is written, whichever way it goes.
 * On success *total is the packet's own length (ip_len, host byte order), at most len.
 *
 * Returns 0, -EINVAL (shorter than an IP header, header length wrong, ip_len below the header's
 * or above len) or -EAFNOSUPPORT (neither IPv4 nor IPv6). Source: FreeBSD sys/netinet/ip_divert.c.
 */
int packet_check(const void *packet, size_t len, size_t *total);

/* The IP version in the first byte; 0 if there is none. */
unsigned packet_version(const void *packet, size_t len);

/* Whether an IPv4 header's checksum is right; always true for IPv6. packet_check() has passed. */
bool packet_header_checksum_ok(const void *packet);

/* Writes the right IPv4 header checksum; nothing for IPv6. packet_check() has passed. */
void packet_header_checksum_fix(void *packet);

/* IPv4 destination, network byte order; 0 for IPv6. packet_check() has passed. */
uint32_t packet_destination(const void *packet);

/* The destination of either version: packets with the same one go the same direction. */
uint64_t packet_destination_key(const void *packet);

/* Whether the don't-fragment bit is set; false for IPv6, which its sender may fragment. */
bool packet_dont_fragment(const void *packet);

/* The Internet checksum (RFC 1071) of len bytes, network byte order, starting from sum. */
uint16_t packet_checksum(const void *data, size_t len, uint32_t sum);

/* The same, of bytes that are copied on the direction. The two places do not overlap. */
uint16_t packet_checksum_copy(void *to, const void *data, size_t len, uint32_t sum);

/*
 * Completes a TCP or UDP checksum that was left to the network card, which means that it holds the
 * pseudo header's sum alone; any other is left as it is. Any bytes will do.
 */
void packet_transport_checksum_complete(void *packet, size_t len);

/*
 * Writes the right checksum of TCP, UDP (if it has one), ICMP or ICMPv6; nothing into fragments
 * and other protocols, nor where a routing header hides the destination. packet_check() has passed.
 */
void packet_transport_checksum_fix(void *packet, size_t len);

/* The same, and copies the packet as it is then. The two places do not overlap. */
void packet_transport_checksum_fix_copy(void *to, void *packet, size_t len);

/*
 * Cuts a packet into fragments of at most mtu bytes, each written into out and handed to
 * emit(arg, fragment, length). out must hold mtu bytes. The packet may be a fragment itself.
 * Returns what the first failing emit returned, else 0; -EMSGSIZE if nothing fits into mtu,
 * or if it is a fragment that ends beyond the largest packet.
 */
int packet_fragment(const void *packet, size_t mtu, void *out,
                    int (*emit)(void *arg, const void *fragment, size_t len), void *arg);

/* Whether a packet is TCP and no fragment: what packet_segment() can cut. Any bytes will do. */
bool packet_is_tcp(const void *packet, size_t len);

/*
 * A packet that GSO left large is cut as the network card would cut it: TCP into segments, and UDP
 * whose checksum was left to the card into datagrams. How many of at most mtu bytes that makes; 1
 * if it is small enough or nothing that is cut so. Any bytes will do.
 */
unsigned packet_segment_count(const void *packet, size_t len, size_t mtu);

/*
 * Writes one of several segments, with right checksums, into out, which must hold mtu bytes. number
 * counts from 0 and is below the count. Returns the segment's length.
 */
size_t packet_segment(const void *packet, size_t len, size_t mtu, unsigned number, void *out);

/* What a packet says of its sender and receiver. Numbers in host byte order. */
struct packet_ends {
    const uint8_t *from, *to; /* addresses within the packet, of its IP version */
    uint8_t protocol;
    bool ports; /* the ports are known */
    uint16_t from_port, to_port;
};

/* Any bytes will do; false if they are shorter than an IP header. */
bool packet_ends(const void *packet, size_t len, struct packet_ends *ends);

/* A random number of the kernel's; a fixed one while it has none yet. */
uint64_t packet_random(void);

/*
 * Computes the keys of len bytes that begin with an IP header, whole or truncated. The seed keeps
 * others from making packets with equal keys; only keys with the same seed can be compared.
 */
void packet_keys(uint64_t seed, const void *packet, size_t len, struct packet_keys *keys);

#endif
