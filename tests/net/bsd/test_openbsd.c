/* SPDX-License-Identifier: BSD-2-Clause */
/* Where OpenBSD's divert(4) differs: no tags, written packets skip the rules, checksums. */
#include "make_packet.h"
#include "packet/packet.h"
#include "rules.h"
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#define VARIANTS (4 * rules_backends())

static uint8_t packet[200], got[200];
static size_t len;
static wire_address from;

/* Both directions, both languages, all back ends. */
static int hold(int variant)
{
    static const char *const ipfw[][2] = {
        {"100 divert 8000 ip from any to any in", "200 deny ip from any to any in"},
        {"100 divert 8000 ip from any to any out", "200 deny ip from any to any out"},
    };
    static const char *const pf[][2] = {
        {"block in on in0", "pass in on in0 flags any divert-packet port 8000"},
        {"block out on out0", "pass out on out0 flags any divert-packet port 8000"},
    };
    const char *const *rules = variant & 2 ? pf[variant % 2] : ipfw[variant % 2];

    setenv("DIVERTSHIM_PERSONALITY", "openbsd", 1);
    (variant & 2 ? rules_hold_pf : rules_hold)(variant / 4, rules[0], rules[1], NULL);
    return divert_bound(8000);
}

static void send_udp(void)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    wire_send(&in0, packet, len);
}

START_TEST(test_address_has_neither_tag_nor_name)
{
    int fd = hold(_i);

    send_udp();
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    ck_assert_int_eq(from.sin_tag, 0);
    expect_interface(&from, "");
    ck_assert_str_eq(address_text(&from), _i % 2 ? ANY : IN_ADDRESS);
}
END_TEST

START_TEST(test_written_packet_skips_the_rules)
{
    int fd = hold(_i);

    send_udp();
    divert_read(fd, got, sizeof(got), &from);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    divert_write(fd, packet, len, &from);
    wire_expect(&out0, packet, len);
    ck_assert(divert_silent(fd));
}
END_TEST

START_TEST(test_packet_that_is_not_written_is_lost)
{
    int fd = hold(_i);

    send_udp();
    divert_read(fd, got, sizeof(got), &from);
    wire_expect_silence(&out0);
}
END_TEST

#define ICMP (FAMILY == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6)

static size_t make_with_checksum(int kind)
{
    static const uint8_t echo[] = {FAMILY == AF_INET ? 8 : 128, 0, 0, 1, 1, 2, 3, 4, 5};
    struct tcphdr tcp = {.th_sport = htons(1000), .th_dport = htons(80), .th_off = 5, .th_sum = 1};
    size_t n;

    switch (kind) {
    case 0:
        return make_ip(packet, IPPROTO_TCP, IN_PEER, OUT_PEER, 77, &tcp, sizeof(tcp));
    case 1:
        return make_ip(packet, ICMP, IN_PEER, OUT_PEER, 77, echo, sizeof(echo));
    default:
        n = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
        packet[HEADER + 7] = 1;
        return n;
    }
}

/* The program spoils what it writes; the wire has it right. */
START_TEST(test_checksums_are_computed_anew)
{
    int fd = hold(_i);

    for (int kind = 0; kind < 3; kind++) {
        len = make_with_checksum(kind);
        wire_send(&in0, packet, len);
        divert_read(fd, got, sizeof(got), &from);
        if (FAMILY == AF_INET)
            got[10] ^= 0x55;
        else
            got[len - 1] ^= 0x55; /* of the payload; there is a checksum in UDP as well */
        memcpy(packet + HEADER, got + HEADER, len - HEADER);
        divert_write(fd, got, len, &from);
        packet_transport_checksum_fix(packet, len);
        wire_expect(&out0, packet, len);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_address_has_neither_tag_nor_name,
        test_written_packet_skips_the_rules,
        test_packet_that_is_not_written_is_lost,
        test_checksums_are_computed_anew,
    };

    return run_suite_with("openbsd", tests, sizeof(tests) / sizeof(tests[0]), VARIANTS);
}
