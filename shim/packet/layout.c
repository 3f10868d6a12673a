/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding headers and payload in a packet, behind IPv4 options and IPv6 extension headers. */
#include "packet/private.h"

#include "packet/bytes.h"
#include "packet/packet.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>

/*
 * Finds the final destination: RFC 2460, 6275 and 8754. Other types are unknown, so the checksum is
 * not computed.
 */
static void follow_routing_header(const uint8_t *h, size_t left, struct packet_layout *l)
{
    const size_t size = (size_t)(h[1] + 1) * 8, address = sizeof(struct in6_addr);
    bool has_address = size <= left && size >= 8 + address;

    if (h[3] == 0)
        return;
    if (has_address && (h[2] == 0 || h[2] == 2))
        l->final = h + size - address;
    else if (has_address && h[2] == 4)
        l->final = h + 8;
    else
        l->complete = false;
}

/* Steps over IPv6 extension headers; l->transport is behind the fixed header at first. */
static void skip_extension_headers(const uint8_t *p, size_t len, struct packet_layout *l)
{
    for (;;) {
        size_t left = len > l->transport ? len - l->transport : 0;
        const uint8_t *h = p + l->transport;

        switch (l->protocol) {
        case IPPROTO_FRAGMENT:
            if (left < 8)
                return;
            l->id = load16(h + 6);
            l->first = (load16(h + 2) & 0xfff8) == 0;
            l->complete &= (load16(h + 2) & 0xfff9) == 0;
            l->transport += 8;
            break;
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
            if (left < 8)
                return;
            if (l->protocol == IPPROTO_ROUTING)
                follow_routing_header(h, left, l);
            l->transport += (size_t)(h[1] + 1) * 8;
            break;
        case IPPROTO_AH:
            if (left < 8)
                return;
            l->transport += (size_t)(h[1] + 2) * 4;
            break;
        default:
            return;
        }
        l->protocol = h[0];
        if (!l->first)
            return;
    }
}

static size_t transport_header_len(const uint8_t *p, size_t len, const struct packet_layout *l)
{
    if (!l->first)
        return 0;
    switch (l->protocol) {
    case IPPROTO_TCP:
        return l->transport + 12 < len ? (size_t)(p[l->transport + 12] >> 4) * 4 : 20;
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return 8;
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
        return 12;
    default:
        return 0;
    }
}

bool packet_lay_out(const uint8_t *p, size_t len, struct packet_layout *l)
{
    if (len < sizeof(struct iphdr))
        return false;
    *l = (struct packet_layout){.first = true, .complete = true};
    if (packet_version(p, len) == 6) {
        if (len < sizeof(struct ip6_hdr))
            return false;
        l->protocol = p[6];
        l->transport = sizeof(struct ip6_hdr);
        l->address = p + 8;
        l->address_len = 32;
        skip_extension_headers(p, len, l);
    } else {
        l->protocol = p[9];
        l->id = load16(p + 4);
        l->transport = ipv4_header_len(p);
        l->address = p + 12;
        l->address_len = 8;
        l->first = (load16(p + 6) & IP_OFFMASK) == 0;
        l->complete = (load16(p + 6) & (IP_OFFMASK | IP_MF)) == 0;
    }
    if (l->transport > len)
        l->transport = len;
    l->payload = l->transport + transport_header_len(p, len, l);
    if (l->payload > len)
        l->payload = len;
    return true;
}
