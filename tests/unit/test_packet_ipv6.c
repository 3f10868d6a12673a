/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6 packets as bytes: extension headers, checksums with routing headers, fragments. */
#include "make_packet.h"
#include "packet/packet.h"
#include "runner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define A "2001:db8:1::2"
#define B "2001:db8:2::2"
#define C "2001:db8:3::2"

#define HEADER 40

static uint8_t packet[PACKET_MAX], other[PACKET_MAX];
static size_t len;

static void make(const char *from, const char *to, const void *payload, size_t size)
{
    len = make_udp(packet, from, 1111, to, 2222, 77, payload, size);
}

static void insert(uint8_t type, const uint8_t *bytes, size_t size)
{
    len = insert_header(packet, len, type, bytes, size);
}

static void insert_options(uint8_t header)
{
    static const uint8_t padding[] = {0, 0, 1, 4, 0, 0, 0, 0};

    insert(header, padding, sizeof(padding));
}

static void insert_fragment_header(uint16_t offset_and_more)
{
    uint8_t fragment[8] = {0, 0, (uint8_t)(offset_and_more >> 8), (uint8_t)offset_and_more, 1, 2};

    insert(IPPROTO_FRAGMENT, fragment, sizeof(fragment));
}

/* Inserts a routing header with one segment left, to that address. */
static void insert_routing_header(uint8_t type, uint8_t left, const char *address)
{
    uint8_t routing[24] = {0, 2, type, left};

    inet_pton(AF_INET6, address, routing + 8);
    insert(IPPROTO_ROUTING, routing, sizeof(routing));
}

static void insert_authentication(void)
{
    const uint8_t header[24] = {0, 4};

    insert(IPPROTO_AH, header, sizeof(header));
}

/* The checksum must become again what make() set. */
static void expect_checksum_restored(void)
{
    uint8_t *sum = packet + len - 4 - 2;

    memcpy(other, packet, len);
    sum[0] ^= 0xff;
    packet_transport_checksum_fix(packet, len);
    ck_assert_mem_eq(packet, other, len);
}

START_TEST(test_checksum_behind_extension_headers)
{
    make(A, B, "four", 4);
    insert_authentication();
    insert_fragment_header(0);
    insert_options(IPPROTO_DSTOPTS);
    insert_routing_header(0, 0, C);
    insert_options(IPPROTO_HOPOPTS);
    expect_checksum_restored();
}
END_TEST

/* The sum covers the final destination: types 0, 2 and segment routing. */
START_TEST(test_checksum_is_over_the_final_destination)
{
    static const uint8_t types[] = {0, 2, 4};

    for (size_t i = 0; i < sizeof(types); i++) {
        make(A, B, "four", 4);
        inet_pton(AF_INET6, C, packet + 24);
        insert_routing_header(types[i], 1, B);
        expect_checksum_restored();
    }
}
END_TEST

static void expect_left_alone(void)
{
    packet[len - 4 - 2] ^= 0xff;
    memcpy(other, packet, len);
    packet_transport_checksum_fix(packet, len);
    packet_transport_checksum_complete(packet, len);
    ck_assert_mem_eq(packet, other, len);
}

START_TEST(test_checksum_that_cannot_be_known_is_left_alone)
{
    make(A, B, "four", 4);
    insert_fragment_header(1);
    expect_left_alone();
    make(A, B, "four", 4);
    insert_fragment_header(8 << 3);
    expect_left_alone();
    make(A, B, "four", 4);
    insert_routing_header(3, 1, C);
    expect_left_alone();
}
END_TEST

/* RFC 8200: a sum of 0 is written as ffff, and UDP always has one. */
START_TEST(test_udp_checksum_is_never_0)
{
    uint8_t payload[2] = {0};
    uint16_t sum;

    make(A, B, payload, 2);
    memcpy(&sum, packet + HEADER + 6, 2);
    memcpy(payload, &sum, 2);
    make(A, B, payload, 2);
    ck_assert_uint_eq(packet[HEADER + 6] << 8 | packet[HEADER + 7], 0xffff);
    packet[HEADER + 6] = packet[HEADER + 7] = 0;
    packet_transport_checksum_fix(packet, len);
    ck_assert_uint_eq(packet[HEADER + 6] << 8 | packet[HEADER + 7], 0xffff);
}
END_TEST

START_TEST(test_icmpv6_checksum)
{
    const uint8_t echo[] = {128, 0, 1, 1, 0, 1, 0, 2, 'x'};

    len = make_ip(packet, IPPROTO_ICMPV6, A, B, 0, echo, sizeof(echo));
    ck_assert_uint_eq(transport_checksum(packet, len), 0);
}
END_TEST

START_TEST(test_destination_key)
{
    uint64_t key;

    make(A, B, "x", 1);
    key = packet_destination_key(packet);
    make(C, B, "another", 7);
    ck_assert_uint_eq(packet_destination_key(packet), key);
    for (int byte = 24; byte < 40; byte++) {
        packet[byte] ^= 1;
        ck_assert_uint_ne(packet_destination_key(packet), key);
        packet[byte] ^= 1;
    }
}
END_TEST

START_TEST(test_keys_survive_address_translation_behind_headers)
{
    struct packet_keys before, after;

    make(A, B, "payload", 7);
    insert_options(IPPROTO_DSTOPTS);
    insert_options(IPPROTO_HOPOPTS);
    packet_keys(1, packet, len, &before);
    make(C, B, "payload", 7);
    insert_options(IPPROTO_DSTOPTS);
    insert_options(IPPROTO_HOPOPTS);
    packet_keys(1, packet, len, &after);
    ck_assert_uint_eq(before.survivor, after.survivor);
    ck_assert_uint_eq(before.to, after.to);
    ck_assert_uint_ne(before.exact, after.exact);
}
END_TEST

/* ---- fragments ---- */

static struct {
    size_t at, head;
    uint16_t first; /* offset of the first one */
    bool more;
} seen;

/* Reassembles the fragments in `other`. */
static int put_together(void *arg, const void *fragment, size_t n)
{
    const uint8_t *f = fragment, *header = f + seen.head;
    size_t mtu = *(size_t *)arg, offset = (size_t)(header[2] << 8 | (header[3] & 0xf8)), total;

    ck_assert_uint_le(n, mtu);
    ck_assert_int_eq(packet_check(f, n, &total), 0);
    ck_assert_uint_eq(total, n);
    ck_assert_uint_eq(offset, seen.first + seen.at);
    memcpy(other + seen.at, header + 8, n - seen.head - 8);
    seen.at += n - seen.head - 8;
    seen.more = header[3] & 1;
    return 0;
}

static void expect_adds_up(size_t mtu, size_t head, size_t payload_at, bool more)
{
    static uint8_t fragment[PACKET_MAX];

    seen.at = 0;
    seen.head = head;
    ck_assert_int_eq(packet_fragment(packet, mtu, fragment, put_together, &mtu), 0);
    ck_assert_uint_eq(seen.at, len - payload_at);
    ck_assert_mem_eq(other, packet + payload_at, seen.at);
    ck_assert_int_eq(seen.more, more);
}

START_TEST(test_ipv6_fragments_add_up)
{
    static uint8_t payload[5000];
    const size_t mtus[] = {1280, 1281, 1500, 57};

    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
        make(A, B, payload, sizeof(payload));
        expect_adds_up(mtus[i], HEADER, HEADER, false);
    }
}
END_TEST

/* Hop-by-hop options, a routing header and the options before it go with every fragment. */
START_TEST(test_what_is_for_routers_goes_with_every_fragment)
{
    static const uint8_t payload[3000];

    make(A, B, payload, sizeof(payload));
    insert_options(IPPROTO_DSTOPTS);
    expect_adds_up(1280, HEADER, HEADER, false);
    insert_routing_header(0, 1, C);
    insert_options(IPPROTO_DSTOPTS);
    insert_options(IPPROTO_HOPOPTS);
    expect_adds_up(1280, HEADER + 40, HEADER + 40, false);
}
END_TEST

START_TEST(test_a_fragment_is_cut_into_fragments_of_the_same_packet)
{
    static const uint8_t payload[2992];

    make(A, B, payload, sizeof(payload));
    insert_fragment_header(800 | 1);
    seen.first = 800;
    expect_adds_up(1280, HEADER, HEADER + 8, true);
    seen.first = 0;
}
END_TEST

START_TEST(test_mtu_without_room_is_refused)
{
    size_t mtu = 55;

    make(A, B, "more than fits", 14);
    ck_assert_int_eq(packet_fragment(packet, mtu, other, put_together, &mtu), -EMSGSIZE);
}
END_TEST

static int count_bytes(void *arg, const void *fragment, size_t n)
{
    (void)fragment;
    ck_assert_uint_le(n, *(size_t *)arg);
    return 0;
}

/* Nothing may be read or written beyond the end, whatever the headers say. */
START_TEST(test_any_bytes_are_handled_within_bounds)
{
    struct packet_keys keys;
    unsigned seed = 1;

    for (int i = 0; i < 20000; i++) {
        size_t size = HEADER + (size_t)rand_r(&seed) % 80, mtu = 100;
        uint8_t *exact = malloc(size), out[100];

        ck_assert_ptr_nonnull(exact);
        for (size_t n = 0; n < size; n++)
            exact[n] = (uint8_t)rand_r(&seed);
        exact[0] = 0x60;
        exact[4] = 0;
        exact[5] = (uint8_t)(size - HEADER);
        exact[6] = (const uint8_t[]){0, 43, 44, 60, 51, 17}[i % 6];
        packet_transport_checksum_fix(exact, size);
        packet_transport_checksum_complete(exact, size);
        packet_keys(1, exact, size, &keys);
        packet_fragment(exact, mtu, out, count_bytes, &mtu);
        free(exact);
    }
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("packet, IPv6", NULL, NULL, 0);

    runner_add(&runner, test_checksum_behind_extension_headers, 1);
    runner_add(&runner, test_checksum_is_over_the_final_destination, 1);
    runner_add(&runner, test_checksum_that_cannot_be_known_is_left_alone, 1);
    runner_add(&runner, test_udp_checksum_is_never_0, 1);
    runner_add(&runner, test_icmpv6_checksum, 1);
    runner_add(&runner, test_destination_key, 1);
    runner_add(&runner, test_keys_survive_address_translation_behind_headers, 1);
    runner_add(&runner, test_ipv6_fragments_add_up, 1);
    runner_add(&runner, test_what_is_for_routers_goes_with_every_fragment, 1);
    runner_add(&runner, test_a_fragment_is_cut_into_fragments_of_the_same_packet, 1);
    runner_add(&runner, test_mtu_without_room_is_refused, 1);
    runner_add(&runner, test_any_bytes_are_handled_within_bounds, 1);
    return runner_run(&runner);
}
