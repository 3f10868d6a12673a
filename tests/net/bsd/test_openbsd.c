/* SPDX-License-Identifier: BSD-2-Clause */
/* Where OpenBSD's divert(4) differs: no tags, written packets skip the rules, checksums. */
#include "make_packet.h"
#include "packet/packet.h"
#include "rules.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIANTS (4 * rules_backends())

static uint8_t packet[200], got[200];
static size_t len;
static wire_address from;

/* Installs a rule for the variant: both directions, both rule languages, all back ends. */
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

/* The program damages the checksums of what it writes; on the wire they are right. */
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
            got[len - 1] ^= 0x55; /* in the payload, so that UDP's checksum is wrong, too */
        memcpy(packet + HEADER, got + HEADER, len - HEADER);
        divert_write(fd, got, len, &from);
        packet_transport_checksum_fix(packet, len);
        wire_expect(&out0, packet, len);
    }
}
END_TEST

#define DIVERTFL 0x1022 /* IP_DIVERTFL of OpenBSD 5.3 to 6.2 */
#define LEVEL    (FAMILY == AF_INET ? IPPROTO_IP : IPPROTO_IPV6)
#define RESP     1 /* incoming */
#define INIT     2 /* outgoing */

static void expect_not_taken(int fd, int level, int wanted, socklen_t size, int expected)
{
    ck_assert_int_eq(setsockopt(fd, level, DIVERTFL, &wanted, size), -1);
    ck_assert_msg(errno == expected, "expected %s, got %s", strerror(expected), strerror(errno));
}

static int divertfl_of(int fd)
{
    int wanted = -1;
    socklen_t size = sizeof(wanted);

    ck_assert_int_eq(getsockopt(fd, LEVEL, DIVERTFL, &wanted, &size), 0);
    ck_assert_uint_eq(size, sizeof(wanted));
    return wanted;
}

START_TEST(test_divertfl_can_be_set_once)
{
    int fd = divert_socket(), wanted = INIT;

    ck_assert_int_eq(divertfl_of(fd), 0);
    expect_not_taken(fd, LEVEL, 0, sizeof(int), EINVAL);
    expect_not_taken(fd, LEVEL, 4, sizeof(int), EINVAL);
    expect_not_taken(fd, LEVEL, INIT, 1, EINVAL);
    expect_not_taken(fd, SOL_SOCKET, INIT, sizeof(int), ENOPROTOOPT);
    ck_assert_int_eq(setsockopt(fd, LEVEL, DIVERTFL, &wanted, sizeof(wanted)), 0);
    ck_assert_int_eq(divertfl_of(fd), INIT);
    expect_not_taken(fd, LEVEL, RESP, sizeof(int), ENOTSUP);
    ck_assert_int_eq(divertfl_of(fd), INIT);
}
END_TEST

/* Packets of the other direction go on as if they had been written: unread, and past all rules. */
START_TEST(test_divertfl_lets_the_other_direction_pass)
{
    int fd = hold(_i), other = _i % 2 ? RESP : INIT;

    ck_assert_int_eq(setsockopt(fd, LEVEL, DIVERTFL, &other, sizeof(other)), 0);
    send_udp();
    while (queue_waiting(8000) == 0)
        usleep(1000);
    ck_assert(divert_silent(fd));
    wire_expect(&out0, packet, len);
}
END_TEST

START_TEST(test_divertfl_keeps_its_own_direction)
{
    int fd = hold(_i), same = _i % 2 ? INIT : RESP;

    ck_assert_int_eq(setsockopt(fd, LEVEL, DIVERTFL, &same, sizeof(same)), 0);
    send_udp();
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    wire_expect_silence(&out0);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_address_has_neither_tag_nor_name,   test_written_packet_skips_the_rules,
        test_packet_that_is_not_written_is_lost, test_checksums_are_computed_anew,
        test_divertfl_can_be_set_once,           test_divertfl_lets_the_other_direction_pass,
        test_divertfl_keeps_its_own_direction,
    };

    return run_suite_with("openbsd", tests, sizeof(tests) / sizeof(tests[0]), VARIANTS);
}
