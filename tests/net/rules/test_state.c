/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynamic rules: keep-state, check-state, limit and named flows, packet by packet. Without a
 * dynamic rule what comes in on out0 is blocked.
 */
#include "make_packet.h"
#include "packet/packet.h"
#include "rules.h"
#include "wire.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DENY_REST "deny ip from any to any in via out0"

enum flags { FIN = TH_FIN, SYN = TH_SYN, RST = TH_RST, ACK = TH_ACK };

static uint8_t packet[128];

/* Completes the checksum: IPv6 has a right one already, and ICMP's of IPv4 does not matter here. */
static size_t complete(size_t len, size_t offset)
{
    uint16_t sum = transport_checksum(packet, len);

    if (FAMILY == AF_INET)
        memcpy(packet + HEADER + offset, &sum, sizeof(sum));
    return len;
}

static size_t make_tcp(const char *from, unsigned sport, const char *to, unsigned dport,
                       unsigned flags)
{
    const uint8_t seq = flags & SYN ? 1 : 2, ack = flags & ACK ? 2 : 0;
    const uint8_t segment[20] = {(uint8_t)(sport >> 8),
                                 (uint8_t)sport,
                                 (uint8_t)(dport >> 8),
                                 (uint8_t)dport,
                                 0,
                                 0,
                                 0,
                                 seq,
                                 0,
                                 0,
                                 0,
                                 ack,
                                 0x50,
                                 (uint8_t)flags,
                                 0x20};

    return complete(make_ip(packet, IPPROTO_TCP, from, to, 77, segment, sizeof(segment)), 16);
}

/* Does a packet from one host to the other get through? */
static bool goes_through(struct wire *from, struct wire *to, size_t len)
{
    static uint8_t got[128], marker[64];
    size_t marker_len = make_ip(marker, IPPROTO_GRE, from == &in0 ? IN_PEER : OUT_PEER,
                                from == &in0 ? OUT_PEER : IN_PEER, 99, "\0\0\0\0", 4);
    size_t got_len;

    wire_send(from, packet, len);
    wire_send(from, marker, marker_len);
    got_len = wire_receive(to, got, sizeof(got));
    if (got_len == marker_len && packet_id(got) == 99)
        return false;
    ck_assert_uint_eq(got_len, len);
    ck_assert_uint_eq(wire_receive(to, got, sizeof(got)), marker_len);
    return true;
}

static bool tcp_out(unsigned sport, unsigned dport, unsigned flags)
{
    return goes_through(&in0, &out0, make_tcp(IN_PEER, sport, OUT_PEER, dport, flags));
}

static bool tcp_back(unsigned sport, unsigned dport, unsigned flags)
{
    return goes_through(&out0, &in0, make_tcp(OUT_PEER, sport, IN_PEER, dport, flags));
}

static bool udp_out(unsigned sport, unsigned dport)
{
    return goes_through(
        &in0, &out0,
        make_udp(packet, IN_PEER, (uint16_t)sport, OUT_PEER, (uint16_t)dport, 77, "x", 1));
}

static bool udp_back(unsigned sport, unsigned dport)
{
    return goes_through(
        &out0, &in0,
        make_udp(packet, OUT_PEER, (uint16_t)sport, IN_PEER, (uint16_t)dport, 77, "x", 1));
}

#ifdef WIRE_IPV6
#define ICMP "icmp6"
enum { ECHO_PROTO = IPPROTO_ICMPV6, REQUEST = 128, REPLY = 129 };
#else
#define ICMP "icmp"
enum { ECHO_PROTO = IPPROTO_ICMP, REQUEST = 8, REPLY = 0 };
#endif

static size_t make_echo(const char *from, const char *to, uint8_t type)
{
    const uint8_t message[8] = {type, 0, 0, 0, 0, 1, 0, 1};

    return complete(make_ip(packet, ECHO_PROTO, from, to, 77, message, sizeof(message)), 2);
}

/* Reads "4m59s870ms" as whole seconds; -1 if there is none. */
static int read_seconds(const char *text)
{
    int seconds = -1, number, used;

    for (; sscanf(text, "%d%n", &number, &used) == 1; text++) {
        text += used;
        seconds = seconds < 0 ? 0 : seconds;
        if (strncmp(text, "ms", 2) == 0)
            break;
        seconds += *text == 'm' ? 60 * number : number;
    }
    return seconds;
}

/* The seconds until the only element of a set expires. */
static int expires(const char *suffix)
{
    char command[256], text[64] = "";
    FILE *list;

    snprintf(command, sizeof(command),
             "nft list ruleset | sed -n '/set state-[0-9]*-%s {/,/}$/p' | "
             "sed -n 's/.* expires //p'",
             suffix);
    list = popen(command, "r");
    if (!fgets(text, sizeof(text), list))
        text[0] = '\0';
    pclose(list);
    return read_seconds(text);
}

#ifdef WIRE_IPV6
#define SET(letter) "6" letter
#else
#define SET(letter) "4" letter
#endif

#define ck_assert_lifetime(letter, from, to) \
    do {                                     \
        int seconds = expires(SET(letter));  \
        ck_assert_int_ge(seconds, from);     \
        ck_assert_int_le(seconds, to);       \
    } while (0)

static void hold(const char *rule, const char *other)
{
    rules_hold(rules_nft(), "allow gre from any to any", rule, other, DENY_REST, NULL);
}

START_TEST(test_answers_come_back)
{
    hold("allow udp from any to any out via out0 keep-state", "count ip from any to any");
    ck_assert(!udp_back(53, 1111));
    ck_assert(udp_out(1111, 53));
    ck_assert(udp_back(53, 1111));
    ck_assert(udp_back(53, 1111));
    ck_assert(!udp_back(54, 1111));
    ck_assert(!udp_back(53, 1112));
    ck_assert(!tcp_back(53, 1111, ACK));
}
END_TEST

START_TEST(test_echo_has_addresses_only)
{
    int tries = 0;

    hold("allow " ICMP " from any to any out via out0 keep-state", "count ip from any to any");
    ck_assert(!goes_through(&out0, &in0, make_echo(OUT_PEER, IN_PEER, REPLY)));
    for (bool answered = false; !answered; tries++) { /* a busy machine may exceed the 5 s */
        ck_assert_int_lt(tries, 10);
        ck_assert(goes_through(&in0, &out0, make_echo(IN_PEER, OUT_PEER, REQUEST)));
        answered = goes_through(&out0, &in0, make_echo(OUT_PEER, IN_PEER, REPLY));
    }
    ck_assert(expires(SET("o")) <= 5);
    ck_assert(!udp_back(53, 1111));
}
END_TEST

START_TEST(test_tcp_lifetimes)
{
    hold("allow tcp from any to any out via out0 setup keep-state", "count ip from any to any");
    ck_assert(tcp_out(1111, 80, SYN));
    ck_assert_lifetime("p", 1, 20);
    ck_assert(tcp_back(80, 1111, SYN | ACK));
    ck_assert_lifetime("e", 200, 300);
    ck_assert_int_eq(expires(SET("p")), -1);
    ck_assert(tcp_out(1111, 80, ACK));
    ck_assert(tcp_back(80, 1111, ACK));
    ck_assert(tcp_out(1111, 80, FIN | ACK));
    ck_assert_lifetime("e", 200, 300);
    ck_assert(tcp_back(80, 1111, FIN | ACK));
    ck_assert_int_eq(expires(SET("e")), -1);
    sleep(3);
    ck_assert(!tcp_back(80, 1111, ACK));
}
END_TEST

START_TEST(test_reset_ends_a_connection)
{
    hold("allow tcp from any to any out via out0 setup keep-state", "count ip from any to any");
    ck_assert(tcp_out(1111, 80, SYN));
    ck_assert(tcp_back(80, 1111, SYN | ACK));
    ck_assert(tcp_back(80, 1111, RST | ACK));
    ck_assert_int_eq(expires(SET("e")), -1);
    sleep(3);
    ck_assert(!tcp_back(80, 1111, ACK));
}
END_TEST

/* The ports are used again before the state of the first connection has expired. */
START_TEST(test_closed_connection_is_forgotten)
{
    hold("allow tcp from any to any out via out0 setup keep-state", "count ip from any to any");
    for (int connection = 0; connection < 2; connection++) {
        ck_assert(tcp_out(1111, 80, SYN));
        ck_assert(tcp_back(80, 1111, SYN | ACK));
        ck_assert(tcp_out(1111, 80, FIN | ACK));
        ck_assert_lifetime("e", 200, 300);
        ck_assert(tcp_back(80, 1111, FIN | ACK));
        ck_assert_int_eq(expires(SET("e")), -1);
        sleep(2);
    }
}
END_TEST

START_TEST(test_setup_applies_to_the_first_packet_only)
{
    hold("allow tcp from any to any 80 out via out0 setup keep-state",
         "deny tcp from any to any out via out0");
    ck_assert(!tcp_out(1111, 80, ACK));
    ck_assert(!tcp_out(1111, 81, SYN));
    ck_assert(tcp_out(1111, 80, SYN));
    ck_assert(tcp_back(80, 1111, SYN | ACK));
    ck_assert(tcp_out(1111, 80, ACK));
    ck_assert(!tcp_out(1112, 80, ACK));
}
END_TEST

/*
 * Dynamic rules are checked at the first rule that has to do with them, here before the deny rule
 * or after it.
 */
START_TEST(test_check_state_sets_the_place_of_the_check)
{
    rules_hold(rules_nft(), "100 allow gre from any to any", "200 check-state",
               "300 deny udp from any to any in via out0",
               "400 allow udp from any to any out via out0 keep-state", NULL);
    ck_assert(udp_out(1111, 53));
    ck_assert(udp_back(53, 1111));
}
END_TEST

START_TEST(test_state_check_after_a_deny_is_too_late)
{
    rules_hold(rules_nft(), "100 allow gre from any to any",
               "300 deny udp from any to any in via out0",
               "400 allow udp from any to any out via out0 keep-state", NULL);
    ck_assert(udp_out(1111, 53));
    ck_assert(!udp_back(53, 1111));
}
END_TEST

/* Each packet takes the action of the rule that made the dynamic rule. */
START_TEST(test_action_is_that_of_the_rule)
{
    rules_hold(rules_nft(), "100 allow gre from any to any", "200 check-state",
               "300 skipto 500 udp from any to any out via out0 keep-state",
               "400 deny ip from any to any via out0",
               "500 deny udp from any 54 to any in via out0", NULL);
    ck_assert(udp_out(1111, 53));
    ck_assert(udp_out(1111, 54));
    ck_assert(udp_back(53, 1111));
    ck_assert(!udp_back(54, 1111));
    ck_assert(!udp_back(55, 1111));
}
END_TEST

START_TEST(test_deny_can_have_state)
{
    rules_hold(rules_nft(), "100 allow gre from any to any",
               "200 deny udp from any to any 53 out via out0 keep-state", NULL);
    ck_assert(udp_back(53, 1111));
    ck_assert(!udp_out(1111, 53));
    ck_assert(!udp_back(53, 1111));
}
END_TEST

START_TEST(test_flows_have_names)
{
    rules_hold(rules_nft(), "100 allow gre from any to any", "200 check-state :web",
               "250 allow udp from any to any 53 out via out0 keep-state :web",
               "300 allow udp from any to any 54 out via out0 record-state :dns",
               "400 deny ip from any to any in via out0", NULL);
    ck_assert(udp_out(1111, 53));
    ck_assert(udp_out(1111, 54));
    ck_assert(udp_back(53, 1111));
    ck_assert(!udp_back(54, 1111));
}
END_TEST

START_TEST(test_any_flow)
{
    rules_hold(rules_nft(), "100 allow gre from any to any", "200 check-state :any",
               "300 allow udp from any to any 54 out via out0 record-state :dns",
               "400 deny ip from any to any in via out0", NULL);
    ck_assert(udp_out(1111, 54));
    ck_assert(udp_back(54, 1111));
}
END_TEST

/* What goes on after a divert rule is looked up with its new addresses. */
START_TEST(test_state_after_a_divert_rule)
{
    uint8_t got[128];
    wire_address from;
    size_t len;
    int fd;

    rules_hold(rules_nft(), "100 allow gre from any to any",
               "200 divert 8000 udp from any to any in via out0", "300 check-state",
               "400 allow udp from any to any out via out0 keep-state",
               "500 deny ip from any to any in via out0", NULL);
    fd = divert_bound(PORT);
    ck_assert(udp_out(1111, 53));
    for (int i = 0; i < 2; i++) {
        len = make_udp(packet, OUT_PEER, 53, IN_PEER, (uint16_t)(1111 + 7 * i), 77, "x", 1);
        wire_send(&out0, packet, len);
        ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
        ck_assert_int_eq(from.sin_tag, 200);
        make_udp(packet, OUT_PEER, 53, IN_PEER, (uint16_t)(1118 - 7 * i), 77, "x", 1);
        divert_write(fd, packet, len, &from); /* the first to the wrong port, the second right */
        if (i)
            wire_expect(&in0, packet, len);
        else
            wire_expect_silence(&in0);
    }
}
END_TEST

/* The packets of a connection are diverted by the rule that made its dynamic rule. */
START_TEST(test_diverting_rule_with_state)
{
    uint8_t got[128];
    wire_address from;
    size_t len;
    int fd;

    rules_hold(rules_nft(), "100 allow gre from any to any",
               "200 divert 8000 udp from any to any out via out0 keep-state",
               "300 deny ip from any to any in via out0", NULL);
    fd = divert_bound(PORT);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 53, 77, "x", 1);
    wire_send(&in0, packet, len);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    make_udp(packet, OUT_PEER, 53, IN_PEER, 1111, 77, "x", 1);
    wire_send(&out0, packet, len);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    ck_assert_int_eq(from.sin_tag, 200);
    divert_write(fd, got, len, &from);
    wire_expect_silence(&in0); /* rule 300 comes later */
}
END_TEST

START_TEST(test_limit)
{
    rules_hold(rules_nft(), "100 allow gre from any to any",
               "200 allow tcp from any to any 80 out via out0 setup limit src-addr 2",
               "300 deny tcp from any to any via out0", NULL);
    ck_assert(tcp_out(1111, 80, SYN));
    ck_assert(tcp_back(80, 1111, SYN | ACK));
    ck_assert(tcp_out(1111, 80, ACK));
    ck_assert(tcp_out(1112, 80, SYN));
    ck_assert(tcp_back(80, 1112, SYN | ACK));
    ck_assert(!tcp_out(1113, 80, SYN));
    ck_assert(tcp_out(1112, 80, ACK));
    ck_assert(!tcp_out(1114, 80, SYN));
    ck_assert(tcp_back(80, 1112, RST | ACK));
    for (int tries = 0; !tcp_out(1115, 80, SYN); tries++) { /* counted again after some ticks */
        ck_assert_int_lt(tries, 50);
        usleep(100000);
    }
    ck_assert(!tcp_out(1116, 80, SYN));
}
END_TEST

/* An or-block becomes several rules, but counts as one. */
START_TEST(test_limit_counts_alternatives_together)
{
    rules_hold(rules_nft(), "100 allow gre from any to any",
               "200 allow tcp from any to any { 80 or 81 } out via out0 setup limit src-addr 1",
               "300 allow tcp from any to any 82 out via out0 setup limit src-addr 1",
               "400 deny tcp from any to any via out0", NULL);
    ck_assert(tcp_out(1111, 80, SYN));
    ck_assert(tcp_back(80, 1111, SYN | ACK));
    ck_assert(!tcp_out(1112, 81, SYN));
    ck_assert(!tcp_out(1113, 80, SYN));
    ck_assert(tcp_out(1114, 82, SYN));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_answers_come_back,
        test_echo_has_addresses_only,
        test_tcp_lifetimes,
        test_reset_ends_a_connection,
        test_closed_connection_is_forgotten,
        test_setup_applies_to_the_first_packet_only,
        test_check_state_sets_the_place_of_the_check,
        test_state_check_after_a_deny_is_too_late,
        test_action_is_that_of_the_rule,
        test_deny_can_have_state,
        test_flows_have_names,
        test_any_flow,
        test_state_after_a_divert_rule,
        test_diverting_rule_with_state,
        test_limit,
        test_limit_counts_alternatives_together,
    };

    return run_suite("state", tests, sizeof(tests) / sizeof(tests[0]));
}
