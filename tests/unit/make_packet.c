/* SPDX-License-Identifier: BSD-2-Clause */
#include "make_packet.h"

#include "packet.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>

size_t make_ipv4(void *out, uint8_t protocol, const char *src, const char *dst, uint16_t id,
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
    return make_ipv4(out, IPPROTO_UDP, src, dst, id, datagram, sizeof(datagram));
}
