/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the answers to a packet: a RST, or an ICMP error. */
#include "events/private.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>

#define FOUR_LEN      20u
#define SIX_LEN       40u
#define TCP_LEN       20u
#define TTL           64
#define QUOTE_MAX     548u  /* bytes of the packet in an ICMP error */
#define SIX_QUOTE_MAX 1232u /* in an ICMPv6 error: as much as */

static uint32_t long_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void put_long(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t add_words(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return sum;
}

static void put_checksum(uint8_t *out, uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    out[0] = (uint8_t)(~sum >> 8);
    out[1] = (uint8_t)~sum;
}

/* How many sequence numbers the denied segment takes. */
static uint32_t sequence_length(const struct headers *h)
{
    const uint8_t *tcp = h->transport;
    size_t header = (tcp[12] >> 4) * 4u, data = h->total > h->network ? h->total - h->network : 0;
    uint32_t flags = ((tcp[13] & TH_SYN) != 0) + ((tcp[13] & TH_FIN) != 0);

    return (uint32_t)(data > header ? data - header : 0) + flags;
}

/* Writes a TCP header as if the receiver had sent it. */
static void put_tcp_reset(const struct headers *h, uint8_t *out)
{
    const uint8_t *tcp = h->transport;

    memset(out, 0, TCP_LEN);
    memcpy(out, tcp + 2, 2);
    memcpy(out + 2, tcp, 2);
    if (tcp[13] & TH_ACK) {
        memcpy(out + 4, tcp + 8, 4);
        out[13] = TH_RST;
    } else {
        put_long(out + 8, long_at(tcp + 4) + sequence_length(h));
        out[13] = TH_RST | TH_ACK;
    }
    out[12] = TCP_LEN / 4 << 4;
}

/* The kernel fills in the checksum, the identification and the length of an IPv4 header. */
static size_t put_network_header(const struct told_packet *packet, const struct headers *h,
                                 uint8_t *out)
{
    bool four = h->family == 4;
    size_t len = four ? FOUR_LEN : SIX_LEN, address = four ? 4 : 16, at = four ? 12 : 8;

    memset(out, 0, len);
    memcpy(out + at, packet->bytes + at + address, address);
    memcpy(out + at + address, packet->bytes + at, address);
    if (four) {
        out[0] = 4 << 4 | FOUR_LEN / 4;
        out[8] = TTL;
        out[9] = IPPROTO_TCP;
    } else {
        out[0] = 6 << 4;
        out[5] = TCP_LEN;
        out[6] = IPPROTO_TCP;
        out[7] = TTL;
    }
    return len;
}

size_t reply_reset(const struct told_packet *packet, const struct headers *h,
                   uint8_t out[REPLY_MAX])
{
    size_t address = h->family == 4 ? 4 : 16, len;
    uint32_t sum;

    if (h->proto != IPPROTO_TCP || h->offset || h->transport_len < TCP_LEN ||
        h->transport[13] & TH_RST)
        return 0;
    len = put_network_header(packet, h, out);
    put_tcp_reset(h, out + len);
    sum = add_words(out + len - 2 * address, 2 * address + TCP_LEN, IPPROTO_TCP + TCP_LEN);
    put_checksum(out + len + 16, sum);
    return len + TCP_LEN;
}

/* No ICMP error answers an error, a fragment other than the first, or a packet to many. */
static bool gets_error(const struct told_packet *packet, const struct headers *h)
{
    const uint8_t *ip = packet->bytes;

    if (h->offset || packet->to_many)
        return false;
    if (h->family == 4)
        return !IN_MULTICAST(long_at(ip + 16)) && !IN_MULTICAST(long_at(ip + 12)) &&
               long_at(ip + 16) != INADDR_BROADCAST && long_at(ip + 12) != INADDR_ANY &&
               (h->proto != IPPROTO_ICMP || (h->transport_len && ICMP_INFOTYPE(h->transport[0])));
    return ip[24] != 0xff && ip[8] != 0xff &&
           (h->proto != IPPROTO_ICMPV6 ||
            (h->transport_len && (h->transport[0] & ICMP6_INFOMSG_MASK)));
}

/* The ICMPv6 code for an ICMP code, as RFC 7915 translates it. */
static uint8_t six_code(uint8_t code)
{
    switch (code) {
    case ICMP_UNREACH_NET:
    case ICMP_UNREACH_HOST:
    case ICMP_UNREACH_SRCFAIL:
    case ICMP_UNREACH_NET_UNKNOWN:
    case ICMP_UNREACH_HOST_UNKNOWN:
    case ICMP_UNREACH_ISOLATED:
    case ICMP_UNREACH_TOSNET:
    case ICMP_UNREACH_TOSHOST:
        return ICMP6_DST_UNREACH_NOROUTE;
    case ICMP_UNREACH_PORT:
        return ICMP6_DST_UNREACH_NOPORT;
    default:
        return ICMP6_DST_UNREACH_ADMIN;
    }
}

size_t reply_unreach(const struct rule_answer *answer, const struct told_packet *packet,
                     const struct headers *h, uint8_t out[REPLY_MAX])
{
    bool four = h->family == 4;
    size_t most = four ? QUOTE_MAX : SIX_QUOTE_MAX;
    size_t quoted = packet->len < most ? packet->len : most;

    if (!gets_error(packet, h) || (four && answer->kind == ANSWER_UNREACH6))
        return 0;
    memset(out, 0, 8);
    out[0] = four ? ICMP_UNREACH : ICMP6_DST_UNREACH;
    out[1] = four || answer->kind == ANSWER_UNREACH6 ? answer->code : six_code(answer->code);
    if (four && answer->code == ICMP_UNREACH_NEEDFRAG) {
        out[6] = (uint8_t)(answer->mtu >> 8);
        out[7] = (uint8_t)answer->mtu;
    }
    memcpy(out + 8, packet->bytes, quoted);
    if (four)
        put_checksum(out + 2, add_words(out, 8 + quoted, 0));
    return 8 + quoted;
}
