/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP packets as bytes: headers, checksums, and the keys by which a packet that is written is
 * recognised as one that was read. Nothing here knows descriptors or netlink.
 */
#ifndef DIVERTSHIM_PACKET_H
#define DIVERTSHIM_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX 65535 /* bytes in the largest IP packet */

/*
 * Hashes, with a secret seed, of what survives rewriting. Two packets with the same `exact` are
 * taken to have the same bytes.
 */
struct packet_keys {
    uint64_t exact;    /* every byte */
    uint32_t survivor; /* protocol, id, length, payload: all that a NAT leaves alone */
    uint32_t flow;     /* addresses, ports, id, TCP sequence number: payload rewritten */
    uint32_t ident;    /* protocol, id, TCP sequence number; 0 when these say nothing */
    uint32_t from, to; /* address and port of each end */
};

/*
 * Checks a packet that is written as divert(4) does, in whatever direction. On success *total is
 * the packet's own length (ip_len, host byte order), at most len.
 *
 * Returns 0, -EINVAL (shorter than an IP header, header length wrong, ip_len below the header's or
 * above len) or -EAFNOSUPPORT (neither IPv4 nor IPv6). Source: FreeBSD sys/netinet/ip_divert.c.
 */
int packet_check(const void *packet, size_t len, size_t *total);

/* The IP version in the first byte; 0 if len is 0. */
unsigned packet_version(const void *packet, size_t len);

/* Whether an IPv4 header's checksum is right; always true for IPv6. Only after packet_check(). */
bool packet_header_checksum_ok(const void *packet);

/* Writes the right IPv4 header checksum; does nothing for IPv6. Only after packet_check(). */
void packet_header_checksum_fix(void *packet);

/* IPv4 destination, network byte order; 0 for IPv6. Only after packet_check(). */
uint32_t packet_destination(const void *packet);

/* A key of the destination, IPv4 or IPv6: equal destinations have equal keys. */
uint64_t packet_destination_key(const void *packet);

/* Whether the don't-fragment bit is set; false for IPv6. */
bool packet_dont_fragment(const void *packet);

/* The Internet checksum (RFC 1071) of len bytes, network byte order, starting from sum. */
uint16_t packet_checksum(const void *data, size_t len, uint32_t sum);

/* The same; also copies the bytes. The two places must not overlap. */
uint16_t packet_checksum_copy(void *to, const void *data, size_t len, uint32_t sum);

/*
 * Completes a TCP or UDP checksum that was left to the network card, which means that the field
 * holds the sum of the pseudo header; any other is left as it is. Safe with any bytes.
 */
void packet_transport_checksum_complete(void *packet, size_t len);

/*
 * Writes the right checksum of TCP, UDP (if it has one), ICMP or ICMPv6. Does nothing for fragments
 * and other protocols, nor where a routing header hides the destination. Only after packet_check().
 */
void packet_transport_checksum_fix(void *packet, size_t len);

/* The same; also copies the resulting packet. The two places must not overlap. */
void packet_transport_checksum_fix_copy(void *to, void *packet, size_t len);

/*
 * Cuts a packet into fragments of at most mtu bytes, each written into out and handed to
 * emit(arg, fragment, length). out must hold mtu bytes. The packet may be a fragment itself.
 * Returns what the first failing emit returned, else 0; -EMSGSIZE if nothing fits into mtu,
 * or if it is a fragment that ends beyond the largest packet.
 */
int packet_fragment(const void *packet, size_t mtu, void *out,
                    int (*emit)(void *arg, const void *fragment, size_t len), void *arg);

/*
 * Whether a packet is TCP and no fragment, so that packet_segment() can cut it. Safe with any
 * bytes.
 */
bool packet_is_tcp(const void *packet, size_t len);

/*
 * How many packets of at most mtu bytes a GSO packet makes when it is cut as a network card does:
 * TCP into segments, and UDP whose checksum was left to the card into datagrams. 1 if it is small
 * enough or cannot be cut so. Safe with any bytes.
 */
unsigned packet_segment_count(const void *packet, size_t len, size_t mtu);

/*
 * Writes one of several segments, with right checksums, into out, which must hold mtu bytes. number
 * counts from 0 and is below the count. Returns the segment's length.
 */
size_t packet_segment(const void *packet, size_t len, size_t mtu, unsigned number, void *out);

/* Sender and receiver of a packet. Numbers are in host byte order. */
struct packet_ends {
    const uint8_t *from, *to; /* addresses within the packet, of its IP version */
    uint8_t protocol;
    bool ports; /* the ports are valid */
    uint16_t from_port, to_port;
};

/* Safe with any bytes; false if they are shorter than an IP header. */
bool packet_ends(const void *packet, size_t len, struct packet_ends *ends);

/* A random number from the kernel; a fixed one while it has none yet. */
uint64_t packet_random(void);

/*
 * Computes the keys of len bytes that begin with an IP header, whole or truncated. The seed keeps
 * others from making packets with equal keys; only keys with the same seed can be compared.
 */
void packet_keys(uint64_t seed, const void *packet, size_t len, struct packet_keys *keys);

#endif
