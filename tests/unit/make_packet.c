/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets with correct checksums, from their fields. */
#include "make_packet.h"

#include "packet/packet.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

static size_t make_ipv4(void *out, uint8_t protocol, const char *src, const char *dst, uint16_t id,
                        const void *payload, size_t len)
{
    struct iphdr ip = {
        .version = 4,
        .ihl = 5,
        .tot_len = htons((uint16_t)(sizeof(ip) + len)),
        .id = htons(id),
        .ttl = 64,
        .protocol = protocol,
        .saddr = inet_addr(src),
        .daddr = inet_addr(dst),
    };

    memmove((char *)out + sizeof(ip), payload, len);
    memcpy(out, &ip, sizeof(ip));
    packet_header_checksum_fix(out);
    return sizeof(ip) + len;
}

static size_t make_ipv6(void *out, uint8_t protocol, const char *src, const char *dst, uint16_t id,
                        const void *payload, size_t len)
{
    struct ip6_hdr ip6 = {
        .ip6_flow = htonl(6u << 28 | id),
        .ip6_plen = htons((uint16_t)len),
        .ip6_nxt = protocol,
        .ip6_hlim = 64,
    };

    inet_pton(AF_INET6, src, &ip6.ip6_src);
    inet_pton(AF_INET6, dst, &ip6.ip6_dst);
    memmove((char *)out + sizeof(ip6), payload, len);
    memcpy(out, &ip6, sizeof(ip6));
    packet_transport_checksum_fix(out, sizeof(ip6) + len);
    return sizeof(ip6) + len;
}

size_t make_ip(void *out, uint8_t protocol, const char *src, const char *dst, uint16_t id,
               const void *payload, size_t len)
{
    if (strchr(src, ':'))
        return make_ipv6(out, protocol, src, dst, id, payload, len);
    return make_ipv4(out, protocol, src, dst, id, payload, len);
}

size_t make_udp(void *out, const char *src, uint16_t sport, const char *dst, uint16_t dport,
                uint16_t id, const void *payload, size_t len)
{
    struct udphdr udp = {
        .source = htons(sport),
        .dest = htons(dport),
        .len = htons((uint16_t)(sizeof(udp) + len)),
    };
    char datagram[sizeof(udp) + len];

    memcpy(datagram, &udp, sizeof(udp));
    memcpy(datagram + sizeof(udp), payload, len);
    return make_ip(out, IPPROTO_UDP, src, dst, id, datagram, sizeof(datagram));
}

uint16_t transport_checksum(const uint8_t *packet, size_t len)
{
    bool ipv6 = packet_version(packet, len) == 6;
    size_t header = ipv6 ? 40 : 20, addresses = ipv6 ? 32 : 8;
    uint8_t last[4] = {0, packet[ipv6 ? 6 : 9], (uint8_t)((len - header) >> 8),
                       (uint8_t)(len - header)};
    uint16_t sum = (uint16_t)~packet_checksum(packet + header - addresses, addresses, 0);

    sum = (uint16_t)~packet_checksum(last, sizeof(last), sum);
    return packet_checksum(packet + header, len - header, sum);
}

size_t insert_header(uint8_t *packet, size_t len, uint8_t type, const void *bytes, size_t size)
{
    uint8_t *at = packet + sizeof(struct ip6_hdr);
    size_t payload = len + size - sizeof(struct ip6_hdr);

    memmove(at + size, at, len - sizeof(struct ip6_hdr));
    memcpy(at, bytes, size);
    at[0] = packet[6];
    packet[6] = type;
    packet[4] = (uint8_t)(payload >> 8);
    packet[5] = (uint8_t)payload;
    return len + size;
}
