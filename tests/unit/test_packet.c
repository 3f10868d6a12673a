/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets as bytes: checks, checksums, fragments, keys. */
#include "make_packet.h"
#include "packet/packet.h"
#include "runner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>

static uint8_t packet[PACKET_MAX];

START_TEST(test_check_accepts_a_good_packet)
{
    size_t total, len = make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, "hello", 5);

    ck_assert_int_eq(packet_check(packet, len, &total), 0);
    ck_assert_uint_eq(total, len);
}
END_TEST

START_TEST(test_check_ignores_bytes_after_ip_len)
{
    size_t total, len = make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, "hello", 5);

    ck_assert_int_eq(packet_check(packet, len + 9, &total), 0);
    ck_assert_uint_eq(total, len);
}
END_TEST

/* What divert(4) refuses: a good packet with one byte changed, and the length that is written. */
static const struct {
    const char *what;
    int offset, value, len, expected;
} refused[] = {
    {"shorter than an IP header", 0, 0x45, 19, -EINVAL},
    {"empty", 0, 0x45, 0, -EINVAL},
    {"header length below 20", 0, 0x44, 33, -EINVAL},
    {"header length above ip_len", 0, 0x4f, 33, -EINVAL},
    {"ip_len above what was written", 3, 34, 33, -EINVAL},
    {"ip_len below the header", 3, 19, 33, -EINVAL},
    {"version 0", 0, 0x05, 33, -EAFNOSUPPORT},
    {"version 7", 0, 0x75, 33, -EAFNOSUPPORT},
    {"IPv6 shorter than its header", 0, 0x60, 33, -EINVAL},
};

START_TEST(test_check_refuses_bad_packets)
{
    size_t total;

    make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, "hello", 5);
    packet[refused[_i].offset] = (uint8_t)refused[_i].value;
    ck_assert_msg(packet_check(packet, (size_t)refused[_i].len, &total) == refused[_i].expected,
                  "%s: expected %d", refused[_i].what, refused[_i].expected);
}
END_TEST

/* The example of RFC 1071, section 3. */
START_TEST(test_checksum_of_rfc_1071)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    ck_assert_uint_eq(ntohs(packet_checksum(bytes, sizeof(bytes), 0)), (uint16_t)~0xddf2);
}
END_TEST

/* The last fill has a carry wherever there can be one. */
START_TEST(test_checksum_of_every_length)
{
    static uint8_t bytes[9000], copy[sizeof(bytes) + 2];
    uint32_t sum = 0;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = _i ? 0xff : (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        uint8_t *to = copy + len % 2;

        ck_assert_uint_eq(ntohs(packet_checksum(bytes, len, 0)), (uint16_t)~sum);
        memset(copy, 0xee, sizeof(copy));
        ck_assert_uint_eq(ntohs(packet_checksum_copy(to, bytes, len, 0)), (uint16_t)~sum);
        ck_assert_mem_eq(to, bytes, len);
        ck_assert_uint_eq(to[len], 0xee);
        if (len < sizeof(bytes))
            sum += len % 2 ? bytes[len] : (uint32_t)bytes[len] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
}
END_TEST

START_TEST(test_header_checksum_is_checked_and_corrected)
{
    make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, "hello", 5);
    ck_assert(packet_header_checksum_ok(packet));
    packet[10] ^= 1;
    ck_assert(!packet_header_checksum_ok(packet));
    packet_header_checksum_fix(packet);
    ck_assert(packet_header_checksum_ok(packet));
}
END_TEST

/* Checksums computed by hand, over "hello" from 10.0.0.1 to 10.0.0.2. */
static const struct {
    uint8_t protocol;
    size_t at; /* of the checksum in the transport header */
    uint16_t sum;
    size_t len;
    uint8_t header[20];
} transports[] = {
    {IPPROTO_UDP, 6, 0xa7fc, 8, {0, 1, 0, 2, 0, 13, 0x12, 0x34}},
    {IPPROTO_TCP, 16, 0x579b, 20, {0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0x50, 2, 0, 100, 9, 9}},
    {IPPROTO_ICMP, 2, 0xb42a, 8, {8, 0, 9, 9, 0, 1, 0, 2}},
};

START_TEST(test_transport_checksum_is_corrected)
{
    uint8_t bytes[32];
    size_t len;

    memcpy(bytes, transports[_i].header, transports[_i].len);
    memcpy(bytes + transports[_i].len, "hello", 5);
    len = make_ip(packet, transports[_i].protocol, "10.0.0.1", "10.0.0.2", 7, bytes,
                  transports[_i].len + 5);
    packet_transport_checksum_fix(packet, len);
    bytes[transports[_i].at] = (uint8_t)(transports[_i].sum >> 8);
    bytes[transports[_i].at + 1] = (uint8_t)transports[_i].sum;
    ck_assert_mem_eq(packet + 20, bytes, len - 20);
}
END_TEST

START_TEST(test_transport_checksum_of_others_is_left_alone)
{
    uint8_t before[60];
    size_t len = make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, "no checksum", 11);

    memcpy(before, packet, len);
    packet_transport_checksum_fix(packet, len);
    ck_assert_mem_eq(packet, before, len);
    packet[26] = before[26] = 0x12;
    packet[6] = before[6] = 0x20; /* the first of several fragments */
    packet_transport_checksum_fix(packet, len);
    ck_assert_mem_eq(packet, before, len);
    packet_transport_checksum_fix(packet, 22);
    ck_assert_mem_eq(packet, before, len);
}
END_TEST

struct reassembly {
    uint8_t bytes[PACKET_MAX];
    size_t len, fragments, mtu;
    bool last_seen;
};

static int reassemble(void *arg, const void *fragment, size_t len)
{
    struct reassembly *r = arg;
    const struct iphdr *ip = fragment;
    size_t header = ip->ihl * 4u, at = (ntohs(ip->frag_off) & IP_OFFMASK) * 8u;

    ck_assert_uint_le(len, r->mtu);
    ck_assert_uint_eq(ntohs(ip->tot_len), len);
    ck_assert(packet_header_checksum_ok(fragment));
    ck_assert_uint_eq(at, r->len);
    memcpy(r->bytes + at, (const uint8_t *)fragment + header, len - header);
    r->len += len - header;
    r->fragments++;
    r->last_seen = !(ntohs(ip->frag_off) & IP_MF);
    return 0;
}

START_TEST(test_fragments_add_up)
{
    static const size_t mtus[] = {68, 576, 577, 1499, 1500, 4000};
    uint8_t payload[4001], scratch[4001];
    struct reassembly r = {.mtu = mtus[_i]};
    size_t len;

    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7);
    len = make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, payload, sizeof(payload));
    ck_assert_int_eq(packet_fragment(packet, r.mtu, scratch, reassemble, &r), 0);
    ck_assert_uint_eq(r.len, len - 20);
    ck_assert_mem_eq(r.bytes, packet + 20, r.len);
    ck_assert(r.last_seen);
    ck_assert_uint_gt(r.fragments, 1);
}
END_TEST

static int look_at_options(void *arg, const void *fragment, size_t len)
{
    size_t *count = arg, header = (size_t)(*(const uint8_t *)fragment & 15) * 4;

    (void)len;
    ck_assert_uint_eq(header, (*count)++ ? 24 : 32);
    return 0;
}

/* RFC 791: record route (7) is in the first fragment only, security (130) in all. */
START_TEST(test_fragments_carry_the_options_that_are_copied)
{
    static const uint8_t options[12] = {7, 7, 4, 0, 0, 0, 0, 1, 130, 4, 0, 0};
    uint8_t scratch[2000] = {0};
    size_t count = 0;

    make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, scratch, 2000);
    memmove(packet + 32, packet + 20, 2008);
    memcpy(packet + 20, options, sizeof(options));
    packet[0] = 0x48;
    packet[2] = (32 + 2008) >> 8;
    packet[3] = (32 + 2008) & 255;
    ck_assert_int_eq(packet_fragment(packet, 576, scratch, look_at_options, &count), 0);
    ck_assert_uint_gt(count, 2);
}
END_TEST

static struct packet_keys keys_of(size_t len)
{
    struct packet_keys keys;

    packet_keys(1, packet, len, &keys);
    return keys;
}

START_TEST(test_keys_survive_address_translation)
{
    struct packet_keys before =
        keys_of(make_udp(packet, "10.0.0.1", 1000, "192.0.2.2", 53, 7, "hello", 5));
    struct packet_keys after =
        keys_of(make_udp(packet, "198.51.100.1", 2000, "192.0.2.2", 53, 7, "hello", 5));

    ck_assert(before.exact != after.exact);
    ck_assert_uint_eq(before.survivor, after.survivor);
    ck_assert_uint_eq(before.to, after.to);
    ck_assert_uint_ne(before.from, after.from);
    ck_assert_uint_ne(before.flow, after.flow);
}
END_TEST

START_TEST(test_keys_survive_another_payload)
{
    struct packet_keys before =
        keys_of(make_udp(packet, "10.0.0.1", 1000, "192.0.2.2", 53, 7, "hello", 5));
    struct packet_keys after =
        keys_of(make_udp(packet, "10.0.0.1", 1000, "192.0.2.2", 53, 7, "good morning", 12));

    ck_assert(before.exact != after.exact);
    ck_assert_uint_ne(before.survivor, after.survivor);
    ck_assert_uint_eq(before.flow, after.flow);
    ck_assert_uint_eq(before.ident, after.ident);
}
END_TEST

START_TEST(test_keys_tell_payloads_apart_at_both_ends)
{
    uint8_t payload[500] = {0};
    struct packet_keys zero, first, last;

    zero = keys_of(make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, payload, sizeof(payload)));
    payload[0] = 1;
    first = keys_of(make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, payload, sizeof(payload)));
    payload[0] = 0;
    payload[499] = 1;
    last = keys_of(make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 7, payload, sizeof(payload)));
    ck_assert_uint_ne(zero.survivor, first.survivor);
    ck_assert_uint_ne(zero.survivor, last.survivor);
}
END_TEST

START_TEST(test_keys_without_an_id_say_nothing)
{
    ck_assert_uint_eq(keys_of(make_udp(packet, "10.0.0.1", 1, "10.0.0.2", 2, 0, "hello", 5)).ident,
                      0);
}
END_TEST

/* No input makes it read past the end (the sanitizers watch). */
START_TEST(test_keys_of_any_bytes_stay_in_bounds)
{
    unsigned state = 1;

    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)rand_r(&state) % 120;
        uint8_t *bytes = malloc(len + 1);
        struct packet_keys keys;

        ck_assert_ptr_nonnull(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)rand_r(&state);
        if (len && round % 2)
            bytes[0] = round % 4 == 1 ? 0x45 : 0x60;
        packet_keys(1, bytes, len, &keys);
        free(bytes);
    }
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("packet", NULL, NULL, 0);

    runner_add(&runner, test_check_accepts_a_good_packet, 1);
    runner_add(&runner, test_check_ignores_bytes_after_ip_len, 1);
    runner_add(&runner, test_check_refuses_bad_packets,
               (int)(sizeof(refused) / sizeof(refused[0])));
    runner_add(&runner, test_checksum_of_rfc_1071, 1);
    runner_add(&runner, test_checksum_of_every_length, 2);
    runner_add(&runner, test_header_checksum_is_checked_and_corrected, 1);
    runner_add(&runner, test_transport_checksum_is_corrected, 3);
    runner_add(&runner, test_transport_checksum_of_others_is_left_alone, 1);
    runner_add(&runner, test_fragments_add_up, 6);
    runner_add(&runner, test_fragments_carry_the_options_that_are_copied, 1);
    runner_add(&runner, test_keys_survive_address_translation, 1);
    runner_add(&runner, test_keys_survive_another_payload, 1);
    runner_add(&runner, test_keys_tell_payloads_apart_at_both_ends, 1);
    runner_add(&runner, test_keys_without_an_id_say_nothing, 1);
    runner_add(&runner, test_keys_of_any_bytes_stay_in_bounds, 1);
    return runner_run(&runner);
}
