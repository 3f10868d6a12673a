/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes, sends and reassembles large packets. */
#include "large.h"

#include "make_packet.h"
#include "packet/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define TCP_HEADER 20

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void make_right(uint8_t *packet, size_t len)
{
    if (FAMILY == AF_INET)
        put16(packet + 2, len);
    else
        put16(packet + 4, len - HEADER);
    packet_header_checksum_fix(packet);
    packet_transport_checksum_fix(packet, len);
}

size_t make_tcp(uint8_t *packet, const char *from, const char *to, size_t payload)
{
    static uint8_t bytes[65536];
    static const uint8_t header[TCP_HEADER] = {4, 87, 8, 174, 0,    0,    0, 1,
                                               0, 0,  0, 1,   0x50, 0x18, 1, 0};
    size_t len;

    memcpy(bytes, header, sizeof(header));
    for (size_t i = 0; i < payload; i++)
        bytes[TCP_HEADER + i] = (uint8_t)(i * 7 + i / 251);
    len = make_ip(packet, IPPROTO_TCP, from, to, 77, bytes, TCP_HEADER + payload);
    if (FAMILY == AF_INET)
        packet[6] = 0x40;
    make_right(packet, len);
    return len;
}

/* Puts the sum of the pseudo header in the place of the checksum, as for a network card. */
static void leave_checksum(uint8_t *packet, size_t len, size_t at)
{
    static uint8_t bare[65536];
    uint16_t sum;

    memcpy(bare, packet, HEADER);
    memset(bare + HEADER, 0, len - HEADER);
    sum = (uint16_t)~transport_checksum(bare, len);
    memcpy(packet + HEADER + at, &sum, sizeof(sum));
}

bool wire_send_large(struct wire *w, const uint8_t *packet, size_t len, size_t piece)
{
    static uint8_t left[65536];
    bool tcp = packet[FAMILY == AF_INET ? 9 : 6] == IPPROTO_TCP;
    uint16_t checksum = tcp ? 16 : 6;
    struct ethhdr ethernet = {.h_proto = htons(FAMILY == AF_INET ? ETH_P_IP : ETH_P_IPV6)};
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = tcp ? (FAMILY == AF_INET ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6)
                        : VIRTIO_NET_HDR_GSO_UDP_L4,
        .hdr_len = (uint16_t)(sizeof(ethernet) + HEADER + (tcp ? TCP_HEADER : 8)),
        .gso_size = (uint16_t)piece,
        .csum_start = sizeof(ethernet) + HEADER,
        .csum_offset = checksum,
    };
    const struct iovec iov[] = {
        {&header, sizeof(header)}, {&ethernet, sizeof(ethernet)}, {left, len}};
    int on = 1, off = 0;
    ssize_t sent;

    memcpy(ethernet.h_dest, w->near_mac, ETH_ALEN);
    memcpy(ethernet.h_source, w->far_mac, ETH_ALEN);
    memcpy(left, packet, len);
    leave_checksum(left, len, checksum);
    ck_assert_int_eq(setsockopt(w->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
    sent = writev(w->fd, iov, 3);
    if (sent < 0 && errno == EINVAL && !tcp) {
        puts("-- not with large UDP: packet sockets take none on this kernel");
        return false;
    }
    ck_assert_int_eq(sent, (ssize_t)(sizeof(header) + sizeof(ethernet) + len));
    ck_assert_int_eq(setsockopt(w->fd, SOL_PACKET, PACKET_VNET_HDR, &off, sizeof(off)), 0);
    return true;
}

size_t add_segment(const uint8_t *packet, const uint8_t *segment, size_t len, size_t mtu, size_t at)
{
    const size_t head = HEADER + TCP_HEADER;
    size_t total;

    ck_assert_uint_le(len, mtu);
    ck_assert_int_eq(packet_check(segment, len, &total), 0);
    ck_assert_uint_eq(total, len);
    ck_assert(packet_header_checksum_ok(segment));
    ck_assert_uint_eq(transport_checksum(segment, len), 0);
    ck_assert_mem_eq(segment + (FAMILY == AF_INET ? 12 : 8), packet + (FAMILY == AF_INET ? 12 : 8),
                     HEADER - (FAMILY == AF_INET ? 12 : 8) + 4);
    ck_assert_uint_eq(get32(segment + HEADER + 4), get32(packet + HEADER + 4) + at);
    ck_assert_mem_eq(segment + head, packet + head + at, len - head);
    return at + len - head;
}

void wire_expect_segments(struct wire *w, const uint8_t *packet, size_t len, size_t mtu)
{
    static uint8_t segment[65536];

    for (size_t at = 0; at < len - HEADER - TCP_HEADER;)
        at = add_segment(packet, segment, wire_receive(w, segment, sizeof(segment)), mtu, at);
    wire_expect_silence(w);
}
