/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the headers of a packet. */
#include "events/private.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#define FOUR_MIN 20u
#define SIX_MIN  40u

static unsigned word_at(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static bool read_ipv4(const struct told_packet *packet, struct headers *h)
{
    const uint8_t *ip = packet->bytes;
    unsigned fragment;

    if (packet->len < FOUR_MIN)
        return false;
    fragment = word_at(ip + 6);
    h->family = 4;
    h->network = (ip[0] & 15u) * 4u;
    h->total = word_at(ip + 2);
    h->proto = ip[9];
    h->id = word_at(ip + 4);
    h->offset = (fragment & IP_OFFMASK) * 8;
    h->more = fragment & IP_MF;
    return h->network >= FOUR_MIN && h->network <= packet->len;
}

static bool is_extension(int proto)
{
    return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
           proto == IPPROTO_FRAGMENT;
}

static bool read_ipv6(const struct told_packet *packet, struct headers *h)
{
    const uint8_t *ip = packet->bytes;

    if (packet->len < SIX_MIN)
        return false;
    h->family = 6;
    h->network = SIX_MIN;
    h->total = SIX_MIN + word_at(ip + 4);
    h->proto = ip[6];
    while (is_extension(h->proto) && !h->offset) {
        const uint8_t *extension = ip + h->network;
        bool fragment = h->proto == IPPROTO_FRAGMENT;

        if (packet->len < h->network + 8)
            return false;
        if (fragment) {
            h->offset = word_at(extension + 2) & 0xfff8;
            h->more = extension[3] & 1;
            h->id = word_at(extension + 6);
        }
        h->proto = extension[0];
        h->network += fragment ? 8 : (extension[1] + 1u) * 8;
    }
    return h->network <= packet->len;
}

bool headers_read(const struct told_packet *packet, struct headers *h)
{
    *h = (struct headers){0};
    if (!packet->len || !(packet->bytes[0] >> 4 == 6 ? read_ipv6(packet, h) : read_ipv4(packet, h)))
        return false;
    h->transport = packet->bytes + h->network;
    h->transport_len = packet->len - h->network;
    return true;
}
