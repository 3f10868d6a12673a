/* SPDX-License-Identifier: BSD-2-Clause */
/* Large packets are cut as by a network card. */
#include "make_packet.h"
#include "packet/packet.h"
#include "runner.h"

#include <netinet/in.h>
#include <string.h>

#define FLAGS_FIRST 0x80 /* CWR */
#define FLAGS_LAST  0x09 /* FIN, PSH */
#define FLAGS_ALL   0x50 /* ACK, ECE */

static uint8_t packet[PACKET_MAX], segment[PACKET_MAX], payload[PACKET_MAX];

/* A packet to be cut. */
static const struct shape {
    const char *from, *to;
    size_t before;  /* bytes of IPv4 options or IPv6 extension headers */
    size_t options; /* bytes of TCP's */
    size_t payload, mtu;
    unsigned segments;
} shapes[] = {
    {"10.0.0.1", "10.0.0.2", 0, 0, 1460 * 3, 1500, 3},
    {"10.0.0.1", "10.0.0.2", 0, 0, 1460 * 3 + 1, 1500, 4},
    {"10.0.0.1", "10.0.0.2", 0, 12, 64000, 1500, 45},
    {"10.0.0.1", "10.0.0.2", 40, 40, 5001, 576, 11},
    {"10.0.0.1", "10.0.0.2", 8, 20, 100, 69, 100},
    {"10.0.0.1", "10.0.0.2", 0, 0, 65495, 65534, 2},
    {"2001:db8::1", "2001:db8::2", 0, 12, 1428 * 2, 1500, 2},
    {"2001:db8::1", "2001:db8::2", 0, 12, 1428 * 2 + 999, 1500, 3},
    {"2001:db8::1", "2001:db8::2", 24, 40, 60001, 1280, 52},
};

static bool shape_is_ipv6(const struct shape *s)
{
    return strchr(s->from, ':') != NULL;
}

static size_t ip_header(const struct shape *s)
{
    return (shape_is_ipv6(s) ? 40 : 20) + s->before;
}

static size_t headers(const struct shape *s)
{
    return ip_header(s) + 20 + s->options;
}

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static size_t get16(const uint8_t *p)
{
    return (size_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)(get16(p) << 16 | get16(p + 2));
}

/* Behind the IPv4 header: NOPs; behind IPv6's: hop-by-hop options and destination options. */
static size_t insert_before(size_t len, size_t size, bool ipv6)
{
    static const uint8_t destination[16] = {0, 1, 1, 12}, hop[8] = {0, 0, 1, 4};

    if (size == 0)
        return len;
    if (ipv6) {
        len = insert_header(packet, len, IPPROTO_DSTOPTS, destination, sizeof(destination));
        return insert_header(packet, len, IPPROTO_HOPOPTS, hop, sizeof(hop));
    }
    memmove(packet + 20 + size, packet + 20, len - 20);
    memset(packet + 20, 1, size);
    packet[0] = (uint8_t)(0x45 + size / 4);
    put16(packet + 2, len + size);
    return len + size;
}

static size_t make_tcp(const struct shape *s)
{
    static uint8_t bytes[PACKET_MAX];
    static const uint8_t header[20] = {4, 87, 8, 174, 0xff, 0xff, 0xf0, 0, 0, 0, 0, 9};
    size_t transport = 20 + s->options, len;

    for (size_t i = 0; i < s->payload; i++)
        payload[i] = (uint8_t)(i * 7 + i / 251);
    memcpy(bytes, header, sizeof(header));
    bytes[12] = (uint8_t)(transport / 4 << 4);
    bytes[13] = FLAGS_FIRST | FLAGS_ALL | FLAGS_LAST;
    memset(bytes + 20, 1, s->options);
    memcpy(bytes + transport, payload, s->payload);
    len = make_ip(packet, IPPROTO_TCP, s->from, s->to, 0xfffe, bytes, transport + s->payload);
    return insert_before(len, s->before, shape_is_ipv6(s));
}

/* The checksum of the segment, without what this shape has before TCP: 0 if right. */
static uint16_t checksum_of(const struct shape *s, const uint8_t *p, size_t len)
{
    static uint8_t bare[PACKET_MAX];
    bool ipv6 = shape_is_ipv6(s);
    size_t fixed = ipv6 ? 40 : 20;

    memcpy(bare, p, fixed);
    bare[ipv6 ? 6 : 9] = IPPROTO_TCP;
    memcpy(bare + fixed, p + ip_header(s), len - ip_header(s));
    return transport_checksum(bare, len - s->before);
}

/* Checks all header fields that do not differ between segments. */
static void expect_same_headers(const struct shape *s, const uint8_t *p)
{
    uint8_t a[PACKET_MAX / 8], b[sizeof(a)];
    const uint8_t *const from[] = {packet, p};
    uint8_t *const to[] = {a, b};

    for (int i = 0; i < 2; i++) {
        uint8_t *tcp = to[i] + ip_header(s);

        memcpy(to[i], from[i], headers(s));
        memset(to[i] + (shape_is_ipv6(s) ? 4 : 2), 0, shape_is_ipv6(s) ? 2 : 4);
        if (!shape_is_ipv6(s))
            memset(to[i] + 10, 0, 2);
        memset(tcp + 4, 0, 4);
        tcp[13] = 0;
        memset(tcp + 16, 0, 2);
    }
    ck_assert_mem_eq(a, b, headers(s));
}

START_TEST(test_tcp_segments_add_up)
{
    const struct shape *s = &shapes[_i];
    size_t len = make_tcp(s), at = 0, total;
    unsigned count = packet_segment_count(packet, len, s->mtu);

    ck_assert_uint_eq(count, s->segments);
    for (unsigned i = 0; i < count; i++) {
        size_t n = packet_segment(packet, len, s->mtu, i, segment);
        const uint8_t *tcp = segment + ip_header(s);
        bool last = i + 1 == count;

        ck_assert_int_eq(packet_check(segment, n, &total), 0);
        ck_assert_uint_eq(total, n);
        ck_assert(last ? n <= s->mtu : n == s->mtu);
        ck_assert(packet_header_checksum_ok(segment));
        ck_assert_uint_eq(checksum_of(s, segment, n), 0);
        expect_same_headers(s, segment);
        if (!shape_is_ipv6(s))
            ck_assert_uint_eq(get16(segment + 4), (0xfffeu + i) & 0xffff);
        ck_assert_uint_eq(get32(tcp + 4), (uint32_t)(0xfffff000u + at));
        ck_assert_uint_eq(tcp[13], FLAGS_ALL | (i ? 0 : FLAGS_FIRST) | (last ? FLAGS_LAST : 0));
        ck_assert_mem_eq(segment + headers(s), payload + at, n - headers(s));
        at += n - headers(s);
    }
    ck_assert_uint_eq(at, s->payload);
}
END_TEST

/*
 * As the kernel leaves it to the card: the sum of the pseudo header in the place of the checksum.
 */
static size_t make_partial_udp(const char *from, const char *to, size_t size)
{
    size_t len = make_udp(packet, from, 1, to, 2, 7, payload, size), udp = len - size - 8;
    uint16_t sum;

    memset(packet + udp, 0, size + 8);
    sum = (uint16_t)~transport_checksum(packet, len);
    make_udp(packet, from, 1, to, 2, 7, payload, size);
    memcpy(packet + udp + 6, &sum, sizeof(sum));
    return len;
}

START_TEST(test_udp_left_to_the_card_becomes_datagrams)
{
    const char *from = _i ? "2001:db8::1" : "10.0.0.1", *to = _i ? "2001:db8::2" : "10.0.0.2";
    size_t head = _i ? 48 : 28, len, at = 0;
    unsigned count;

    for (size_t i = 0; i < 3001; i++)
        payload[i] = (uint8_t)(i * 5 + 1);
    len = make_partial_udp(from, to, 3001);
    count = packet_segment_count(packet, len, 1500);
    ck_assert_uint_eq(count, 3);
    for (unsigned i = 0; i < count; i++) {
        size_t n = packet_segment(packet, len, 1500, i, segment), total;

        ck_assert_int_eq(packet_check(segment, n, &total), 0);
        ck_assert_uint_eq(total, n);
        ck_assert_uint_le(n, 1500);
        ck_assert_uint_eq(get16(segment + head - 4), n - head + 8);
        ck_assert_uint_eq(transport_checksum(segment, n), 0);
        ck_assert_mem_eq(segment + head, payload + at, n - head);
        at += n - head;
    }
    ck_assert_uint_eq(at, 3001);
}
END_TEST

START_TEST(test_others_are_not_cut)
{
    static const struct shape s = {"10.0.0.1", "10.0.0.2", 0, 0, 4000, 1500, 3};
    size_t len = make_tcp(&s);

    ck_assert(packet_is_tcp(packet, len));
    ck_assert_uint_eq(packet_segment_count(packet, len, len), 1);
    ck_assert_uint_eq(packet_segment_count(packet, len, 40), 1);
    ck_assert_uint_eq(packet_segment_count(packet, len, 0), 1);
    ck_assert_uint_eq(packet_segment_count(packet, 39, 30), 1);
    packet[6] = 0x20; /* the first of several fragments */
    ck_assert(!packet_is_tcp(packet, len));
    ck_assert_uint_eq(packet_segment_count(packet, len, 1500), 1);
    len = make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, payload, 4000);
    ck_assert(!packet_is_tcp(packet, len));
    ck_assert_uint_eq(packet_segment_count(packet, len, 1500), 1); /* without a checksum */
    len = make_udp(packet, "2001:db8::1", 1, "2001:db8::2", 2, 7, payload, 4000);
    ck_assert_uint_eq(packet_segment_count(packet, len, 1500), 1); /* with a complete one */
}
END_TEST

/* The checksum is over an address that this routing header may hide. */
START_TEST(test_tcp_behind_an_unknown_routing_header_is_not_cut)
{
    static const struct shape s = {"2001:db8::1", "2001:db8::2", 0, 0, 4000, 1500, 3};
    static const uint8_t routing[8] = {0, 0, 250, 1};
    size_t len = make_tcp(&s);

    ck_assert(packet_is_tcp(packet, len));
    len = insert_header(packet, len, IPPROTO_ROUTING, routing, sizeof(routing));
    ck_assert(!packet_is_tcp(packet, len));
    ck_assert_uint_eq(packet_segment_count(packet, len, 1500), 1);
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("segment", NULL, NULL, 0);

    runner_add(&runner, test_tcp_segments_add_up, (int)(sizeof(shapes) / sizeof(shapes[0])));
    runner_add(&runner, test_udp_left_to_the_card_becomes_datagrams, 2);
    runner_add(&runner, test_others_are_not_cut, 1);
    runner_add(&runner, test_tcp_behind_an_unknown_routing_header_is_not_cut, 1);
    return runner_run(&runner);
}
