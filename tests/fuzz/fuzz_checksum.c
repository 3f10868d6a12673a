/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares checksums with a plain sum of 16-bit words: of any bytes; completed from the sum of the
 * pseudo header; and adjusted by the NAT of the examples.
 */
#include "fuzz.h"
#include "packet/packet.h"

#include "../../examples/nat_packet.h"
#include "../../examples/nat_table.h"

#include <arpa/inet.h>
#include <netinet/ip6.h>

#define LEN_MAX 2048

static uint32_t plain_sum(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static void sums_agree(const uint8_t *p, size_t len)
{
    uint16_t expected = (uint16_t)~plain_sum(p, len, 0), got = ntohs(packet_checksum(p, len, 0));
    uint8_t copy[LEN_MAX];

    REQUIRE(expected == got, "%04x, expected %04x", got, expected);
    got = ntohs(packet_checksum_copy(copy, p, len, 0));
    REQUIRE(expected == got, "%04x with a copy, expected %04x", got, expected);
    REQUIRE(memcmp(copy, p, len) == 0, "another copy of %zu bytes", len);
}

/* Offset of the checksum in a TCP, UDP or ICMP header, SIZE_MAX for none. */
static size_t checksum_at(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP:
        return 16;
    case IPPROTO_UDP:
        return 6;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return 2;
    default:
        return SIZE_MAX;
    }
}

/* A packet without extension headers, and not a fragment. */
struct plain {
    uint8_t *packet, *transport;
    size_t len, size, at; /* of the packet, of what the transport checksum covers; where it is */
    uint8_t protocol;
    bool six;
};

static bool look_at(uint8_t *packet, size_t len, struct plain *p)
{
    size_t header;

    *p = (struct plain){.packet = packet};
    if (packet_check(packet, len, &p->len))
        return false;
    p->six = packet_version(packet, len) == 6;
    header = p->six ? sizeof(struct ip6_hdr) : (size_t)(packet[0] & 15) * 4;
    p->protocol = packet[p->six ? 6 : 9];
    p->transport = packet + header;
    p->size = p->len - header;
    p->at = checksum_at(p->protocol);
    if (!p->six && ((packet[6] & 0x3f) || packet[7]))
        return false;
    return p->at != SIZE_MAX && p->size >= 8 && p->at + 2 <= p->size;
}

static uint32_t pseudo_sum(const struct plain *p)
{
    uint32_t sum = (uint32_t)p->size + p->protocol;

    if (p->protocol == IPPROTO_ICMP)
        return 0;
    return plain_sum(p->packet + (p->six ? 8 : 12), p->six ? 32 : 8, (sum & 0xffff) + (sum >> 16));
}

static bool right(const struct plain *p)
{
    return plain_sum(p->transport, p->size, pseudo_sum(p)) == 0xffff;
}

static bool no_udp_checksum(const struct plain *p)
{
    return p->protocol == IPPROTO_UDP && !p->six && !p->transport[6] && !p->transport[7];
}

static void completed_as_computed(const struct plain *p)
{
    uint8_t partial[LEN_MAX], anew[LEN_MAX];
    size_t at = (size_t)(p->transport - p->packet) + p->at;
    uint32_t sum = pseudo_sum(p);

    if (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP)
        return;
    memcpy(partial, p->packet, p->len);
    partial[at] = (uint8_t)(sum >> 8);
    partial[at + 1] = (uint8_t)sum;
    memcpy(anew, partial, p->len);
    packet_transport_checksum_complete(partial, p->len);
    packet_transport_checksum_fix(anew, p->len);
    /* A sum of 0 means no checksum, and so does 0 in the field: then nothing was left open. */
    if (sum)
        REQUIRE(memcmp(partial, anew, p->len) == 0, "completed %02x%02x, computed %02x%02x",
                partial[at], partial[at + 1], anew[at], anew[at + 1]);
}

static void copied_as_made_right(const struct plain *p)
{
    uint8_t bytes[LEN_MAX], copy[LEN_MAX], expected[LEN_MAX];

    memcpy(bytes, p->packet, p->len);
    memcpy(expected, p->packet, p->len);
    packet_transport_checksum_fix(expected, p->len);
    packet_transport_checksum_fix_copy(copy, bytes, p->len);
    REQUIRE(memcmp(bytes, expected, p->len) == 0, "made right otherwise");
    REQUIRE(memcmp(copy, expected, p->len) == 0, "another copy");
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = a[i];

        a[i] = b[i];
        b[i] = byte;
    }
}

/* Exchanges the ends of the packet, which changes no checksum. */
static void turn_round(struct plain *p)
{
    swap(p->packet + 12, p->packet + 16, 4);
    if (p->protocol != IPPROTO_ICMP)
        swap(p->transport, p->transport + 2, 2);
}

static void expect_right(struct plain *p, bool none)
{
    REQUIRE(look_at(p->packet, p->len, p), "it is no packet any more");
    REQUIRE(packet_header_checksum_ok(p->packet), "the header's checksum after the NAT");
    REQUIRE(none ? no_udp_checksum(p) : right(p), "protocol %d after the NAT", p->protocol);
}

/* Through the NAT and back. */
static void translated(const struct plain *p)
{
    static const in_addr_t alias = 0x010200c0; /* 192.0.2.1 */
    static time_t now;
    _Alignas(struct ip) uint8_t bytes[LEN_MAX];
    struct plain out = {.packet = bytes, .len = p->len};
    bool none = no_udp_checksum(p);

    if (p->six)
        return;
    table_set_time(now += 1000000); /* the mappings of the inputs before have expired */
    memcpy(bytes, p->packet, p->len);
    packet_header_checksum_fix(bytes);
    if (nat_outgoing((struct ip *)(void *)bytes, p->len, alias) == VERDICT_DROP)
        return;
    expect_right(&out, none);
    turn_round(&out);
    if (nat_incoming((struct ip *)(void *)bytes, p->len, alias) == VERDICT_PASS)
        expect_right(&out, none);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    size_t len;
    uint8_t *packet = take_block(&in, LEN_MAX, &len);
    struct plain p;

    sums_agree(packet, len);
    if (look_at(packet, len, &p)) {
        completed_as_computed(&p);
        copied_as_made_right(&p);
        packet_transport_checksum_fix(packet, p.len);
        if (!p.six || p.protocol != IPPROTO_ICMP)
            REQUIRE(right(&p) || no_udp_checksum(&p), "protocol %d", p.protocol);
        translated(&p);
    }
    free(packet);
    return 0;
}
