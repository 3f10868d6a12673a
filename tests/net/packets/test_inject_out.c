/* SPDX-License-Identifier: BSD-2-Clause */
/* Outgoing packets that a program writes without having read them. */
#include "make_packet.h"
#include "packet/packet.h"
#include "rules.h"
#include "wire.h"

#include <errno.h>
#include <netinet/ip.h>
#include <string.h>
#include <unistd.h>

static uint8_t packet[65536], payload[65536];
static size_t len;

static void make(const char *from, const char *to, uint16_t id, size_t size)
{
    for (size_t i = 0; i < size; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    len = make_udp(packet, from, 1111, to, 2222, id, payload, size);
}

#ifdef WIRE_IPV6
#define SMALL_MTU  1300
#define THAT_ROUTE OUT_NET " dev out0 metric 256"
#define SOME_GROUP "ff02::fb"
#define GROUP      "ff15::123"
#define GROUPS     "ff15::/16"

/* Inserts hop-by-hop options of that size after the header. */
static void add_option(const char *option, size_t size)
{
    len = insert_header(packet, len, IPPROTO_HOPOPTS, option, size);
}

#define OPTION      "\0\0\1\4\0\0\0\0" /* padding */
#define OPTION_SIZE 8
#define OPTION_KIND 1
#else
#define SMALL_MTU  600
#define THAT_ROUTE OUT_NET " dev out0 src " OUT_ADDRESS
#define SOME_GROUP "224.0.0.251"
#define GROUP      "239.1.2.3"
#define GROUPS     "224.0.0.0/4"

static void set_dont_fragment(void)
{
    packet[6] |= 0x40;
    packet_header_checksum_fix(packet);
}

/* Inserts an option after the header. */
static void add_option(const char *option, size_t size)
{
    uint16_t total;

    memmove(packet + 20 + size, packet + 20, len - 20);
    memcpy(packet + 20, option, size);
    len += size;
    total = htons((uint16_t)len);
    memcpy(packet + 2, &total, sizeof(total));
    packet[0] = (uint8_t)(0x45 + size / 4);
    packet_header_checksum_fix(packet);
}

#define OPTION      "\x94\x04\x00\x00"
#define OPTION_SIZE 4
#define OPTION_KIND 0x94
#endif

static void write_outgoing(void)
{
    divert_write(divert_socket(), packet, len, NULL);
}

static void expect_write_error(int expected)
{
    ssize_t n = send(divert_socket(), packet, len, 0);

    ck_assert_msg(n == -1 && errno == expected, "expected %s, got %zd, %s", strerror(expected), n,
                  strerror(errno));
}

START_TEST(test_outgoing_is_sent_as_it_is)
{
    uint8_t got[200];

    make(OUT_ADDRESS, OUT_PEER, 77, 100);
    if (FAMILY == AF_INET)
        packet[1] = 0xb8;
    else
        packet[0] = 0x6b;
    packet[FAMILY == AF_INET ? 8 : 7] = 33;
    packet_header_checksum_fix(packet);
    write_outgoing();
    ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), len);
    ck_assert_mem_eq(got, packet, len);
    wire_expect_silence(&out0);
}
END_TEST

START_TEST(test_outgoing_with_a_source_that_is_not_the_hosts)
{
    make(STRANGE, OUT_PEER, 77, 1);
    write_outgoing();
    wire_expect(&out0, packet, len);
}
END_TEST

START_TEST(test_outgoing_multicast)
{
    make(OUT_ADDRESS, SOME_GROUP, 77, 1);
    write_outgoing();
    wire_expect(&out0, packet, len);
    run(IP " route add multicast " GROUPS " dev out0 table local metric 1");
    make(STRANGE, GROUP, 78, 1);
    write_outgoing();
    wire_expect(&out0, packet, len);
}
END_TEST

#ifndef WIRE_IPV6
START_TEST(test_outgoing_broadcast)
{
    make(STRANGE, "192.0.2.255", 77, 1);
    write_outgoing();
    wire_expect(&out0, packet, len);
    make(OUT_ADDRESS, "255.255.255.255", 78, 1);
    write_outgoing();
    wire_expect(&out0, packet, len);
}
END_TEST

#endif

START_TEST(test_outgoing_keeps_ip_options)
{
    make(OUT_ADDRESS, OUT_PEER, 77, 10);
    add_option(OPTION, OPTION_SIZE);
    write_outgoing();
    wire_expect(&out0, packet, len);
}
END_TEST

START_TEST(test_socket_has_no_ip_options_of_its_own)
{
    int fd = divert_socket();

    ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, "\x94\x04\x00\x00", 4), -1);
    ck_assert_int_eq(errno, ENOPROTOOPT);
}
END_TEST

#ifndef WIRE_IPV6
START_TEST(test_outgoing_fragment_stays_a_fragment)
{
    make(OUT_ADDRESS, OUT_PEER, 77, 800);
    packet[6] = 0x20;
    packet[7] = 0x10;
    packet_header_checksum_fix(packet);
    write_outgoing();
    wire_expect(&out0, packet, len);
}
END_TEST

/* The kernel sets an id in packets that have none and may be fragmented. */
START_TEST(test_outgoing_id_0_stays_with_df_and_is_replaced_without)
{
    make(OUT_ADDRESS, OUT_PEER, 0, 10);
    set_dont_fragment();
    write_outgoing();
    wire_expect(&out0, packet, len);
    make(OUT_ADDRESS, OUT_PEER, 0, 10);
    write_outgoing();
    wire_expect_with_any_id(&out0, packet, len);
}
END_TEST

#endif

START_TEST(test_outgoing_above_the_mtu_is_fragmented)
{
    make(OUT_ADDRESS, OUT_PEER, 77, 5000);
    write_outgoing();
    wire_expect_fragments(&out0, packet, len, 1500, HEADER, 0);
    make(OUT_ADDRESS, OUT_PEER, 78, 60000);
    add_option(OPTION, OPTION_SIZE);
    write_outgoing();
    wire_expect_fragments(&out0, packet, len, 1500, HEADER + OPTION_SIZE, OPTION_KIND);
    make(STRANGE, OUT_PEER, 79, 5000);
    write_outgoing();
    wire_expect_fragments(&out0, packet, len, 1500, HEADER, 0);
}
END_TEST

START_TEST(test_outgoing_above_the_mtu_of_its_route_is_fragmented)
{
    run(IP " route change " THAT_ROUTE " mtu %d", SMALL_MTU);
    make(OUT_ADDRESS, OUT_PEER, 77, 1400);
    write_outgoing();
    wire_expect_fragments(&out0, packet, len, SMALL_MTU, HEADER, 0);
    make(OUT_ADDRESS, OUT_PEER, 78, 5000);
    write_outgoing();
    wire_expect_fragments(&out0, packet, len, SMALL_MTU, HEADER, 0);
}
END_TEST

#ifndef WIRE_IPV6
START_TEST(test_outgoing_above_the_mtu_with_df_is_emsgsize)
{
    make(OUT_ADDRESS, OUT_PEER, 77, 5000);
    set_dont_fragment();
    expect_write_error(EMSGSIZE);
    run(IP " route change " THAT_ROUTE " mtu %d", SMALL_MTU);
    make(OUT_ADDRESS, OUT_PEER, 77, 1400);
    set_dont_fragment();
    expect_write_error(EMSGSIZE);
    wire_expect_silence(&out0);
}
END_TEST

#endif

START_TEST(test_outgoing_without_a_route_is_an_error)
{
    make(OUT_ADDRESS, ELSEWHERE, 77, 1);
    expect_write_error(ENETUNREACH);
}
END_TEST

START_TEST(test_outgoing_that_rules_drop_is_no_error)
{
    run(IPTABLES " -A OUTPUT -p udp -j DROP");
    make(OUT_ADDRESS, OUT_PEER, 77, 1);
    write_outgoing();
    wire_expect_silence(&out0);
}
END_TEST

START_TEST(test_outgoing_by_thousands_is_no_error)
{
    int fd = divert_socket();

    make(OUT_ADDRESS, OUT_PEER, 77, 1400);
    run("tc qdisc add dev out0 root tbf rate 8mbit burst 4k limit 16k");
    for (int i = 0; i < 2000; i++)
        divert_write(fd, packet, len, NULL);
}
END_TEST

START_TEST(test_outgoing_is_not_diverted_again_by_rules_by_hand)
{
    int fd = divert_bound(PORT);

    divert_outgoing(PORT);
    make(OUT_ADDRESS, OUT_PEER, 77, 1);
    for (int i = 0; i < 100; i++) {
        divert_write(fd, packet, len, NULL);
        wire_expect(&out0, packet, len);
    }
    ck_assert(divert_silent(fd));
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_outgoing_is_sent_as_it_is,
        test_outgoing_with_a_source_that_is_not_the_hosts,
        test_outgoing_multicast,
        test_outgoing_keeps_ip_options,
        test_socket_has_no_ip_options_of_its_own,
        test_outgoing_above_the_mtu_is_fragmented,
        test_outgoing_above_the_mtu_of_its_route_is_fragmented,
#ifndef WIRE_IPV6
        test_outgoing_broadcast,
        test_outgoing_fragment_stays_a_fragment,
        test_outgoing_id_0_stays_with_df_and_is_replaced_without,
        test_outgoing_above_the_mtu_with_df_is_emsgsize,
#endif
        test_outgoing_without_a_route_is_an_error,
        test_outgoing_that_rules_drop_is_no_error,
        test_outgoing_by_thousands_is_no_error,
        test_outgoing_is_not_diverted_again_by_rules_by_hand,
    };

    return run_suite("outgoing", tests, sizeof(tests) / sizeof(tests[0]));
}
