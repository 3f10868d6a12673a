/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a written packet re-enters the rules of divert-run: after the number in its tag. Each test
 * runs for incoming and outgoing packets, for packets that were read and injected ones, and with
 * each packet filter.
 */
#include "make_packet.h"
#include "rules.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>

#define VARIANTS (2 * 2 * rules_backends())

static uint8_t packet[200], got[200];
static size_t len;
static wire_address from;
static bool outgoing, injected;
static int backend;

/* The ports of the rules, each with a socket. */
static int sockets[4];

static void read_variant(int i)
{
    outgoing = i & 1;
    injected = i & 2;
    backend = i >> 2;
}

/*
 * Installs the rules with "in" or "out" at their end, as the variant says, and opens sockets for
 * PORT to PORT+3.
 */
static void hold(const char *const *rules)
{
    static char directed[16][100];
    const char *list[17] = {0};

    for (int i = 0; rules[i]; i++) {
        snprintf(directed[i], sizeof(directed[i]), "%s %s", rules[i], outgoing ? "out" : "in");
        list[i] = directed[i];
    }
    rules_hold_list(backend, list);
    for (int i = 0; i < 4; i++)
        sockets[i] = divert_bound(PORT + i);
}

#define HOLD(...) hold((const char *const[]){__VA_ARGS__, NULL})

static void send_packet(void)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    wire_send(&in0, packet, len);
}

static void expect_diverted(int port, int tag)
{
    ck_assert_uint_eq(divert_read(sockets[port], got, sizeof(got), &from), len);
    ck_assert_int_eq(from.sin_tag, tag);
    ck_assert_str_eq(address_text(&from), outgoing ? ANY : IN_ADDRESS);
    for (int i = 0; i < 4; i++)
        ck_assert(divert_silent(sockets[i]));
}

static void expect_sent(void)
{
    wire_expect(&out0, packet, len);
    wire_expect_silence(&out0);
    for (int i = 0; i < 4; i++)
        ck_assert(divert_silent(sockets[i]));
}

static void expect_dropped(void)
{
    wire_expect_silence(&out0);
    for (int i = 0; i < 4; i++)
        ck_assert(divert_silent(sockets[i]));
}

/* Writes a packet with a tag: one that was read at the first rule, or an injected one. */
static void write_with_tag(int tag)
{
    wire_address to = address_make(outgoing ? ANY : IN_ADDRESS, (in_port_t)tag);

    if (!injected) {
        send_packet();
        expect_diverted(0, 100);
        to = from;
        to.sin_tag = (in_port_t)tag;
    }
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    divert_write(injected ? divert_socket() : sockets[0], packet, len, &to);
}

static void write_on(int port, int tag)
{
    from.sin_tag = (in_port_t)tag;
    divert_write(sockets[port], got, len, &from);
}

#define THREE_DIVERTS                                                           \
    "100 divert 8000 ip from any to any", "200 divert 8001 ip from any to any", \
        "300 divert 8002 ip from any to any"

START_TEST(test_goes_on_at_the_first_rule_above_the_tag)
{
    read_variant(_i);
    HOLD(THREE_DIVERTS);
    write_with_tag(100);
    expect_diverted(1, 200);
    write_on(1, 200);
    expect_diverted(2, 300);
    write_on(2, 300);
    expect_sent();
}
END_TEST

START_TEST(test_altered_tag_re_enters_there_whether_or_not_a_rule_has_it)
{
    static const struct {
        int tag, port, number;
    } altered[] = {{1, 0, 100},   {99, 0, 100},  {150, 1, 200},
                   {199, 1, 200}, {200, 2, 300}, {299, 2, 300}};

    read_variant(_i);
    HOLD(THREE_DIVERTS);
    for (size_t i = 0; i < sizeof(altered) / sizeof(altered[0]); i++) {
        write_with_tag(altered[i].tag);
        expect_diverted(altered[i].port, altered[i].number);
        write_on(altered[i].port, 300);
        expect_sent();
    }
}
END_TEST

START_TEST(test_tag_0_runs_the_whole_list)
{
    read_variant(_i);
    HOLD(THREE_DIVERTS);
    write_with_tag(0);
    for (int i = 0; i < 3; i++) {
        expect_diverted(0, 100);
        write_on(0, 0);
    }
    expect_diverted(0, 100);
    write_on(0, 300);
    expect_sent();
}
END_TEST

START_TEST(test_tag_above_all_rules_leaves_the_list)
{
    static const int tags[] = {300, 301, 8000, 65533, 65534, 65535};

    read_variant(_i);
    HOLD(THREE_DIVERTS);
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        write_with_tag(tags[i]);
        expect_sent();
    }
}
END_TEST

START_TEST(test_re_entry_skips_all_rules_of_the_number)
{
    read_variant(_i);
    HOLD("100 divert 8000 ip from any to any", "100 divert 8001 ip from any to any",
         "100 deny ip from any to any", "200 divert 8002 ip from any to any");
    write_with_tag(100);
    expect_diverted(2, 200);
    write_on(2, 99);
    expect_diverted(0, 100);
}
END_TEST

START_TEST(test_rules_of_one_number_are_met_in_order)
{
    read_variant(_i);
    HOLD("100 count ip from any to any", "100 divert 8000 udp from any to any 2222",
         "100 divert 8001 ip from any to any", "100 deny ip from any to any");
    write_with_tag(99);
    expect_diverted(0, 100);
    write_on(0, 100);
    expect_sent();
}
END_TEST

START_TEST(test_skipto_goes_on_at_its_number)
{
    read_variant(_i);
    HOLD("100 divert 8000 ip from any to any", "200 skipto 400 ip from any to any",
         "300 deny ip from any to any", "400 divert 8001 ip from any to any",
         "500 skipto 700 tcp from any to any", "600 divert 8002 ip from any to any");
    write_with_tag(100);
    expect_diverted(1, 400);
    write_on(1, 400);
    expect_diverted(2, 600);
    write_on(2, 250);
    expect_dropped();
}
END_TEST

START_TEST(test_count_goes_on)
{
    read_variant(_i);
    HOLD("100 divert 8000 ip from any to any", "150 count ip from any to any",
         "200 divert 8001 ip from any to any");
    write_with_tag(100);
    expect_diverted(1, 200);
}
END_TEST

START_TEST(test_deny_after_divert_drops)
{
    read_variant(_i);
    HOLD("100 divert 8000 ip from any to any", "200 deny udp from any to any");
    write_with_tag(100);
    expect_dropped();
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    write_with_tag(200);
    expect_sent();
}
END_TEST

START_TEST(test_allow_ends_the_search)
{
    read_variant(_i);
    HOLD("100 divert 8000 ip from any to any", "200 allow ip from any to any",
         "300 deny ip from any to any");
    write_with_tag(100);
    expect_sent();
    write_with_tag(250);
    expect_dropped();
}
END_TEST

START_TEST(test_diverted_knows_what_was_written)
{
    read_variant(_i);
    HOLD("100 divert 8000 ip from any to any", "200 divert 8001 ip from any to any not diverted",
         "300 divert 8002 ip from any to any diverted");
    write_with_tag(100);
    expect_diverted(2, 300);
}
END_TEST

START_TEST(test_written_with_tag_0_is_diverted)
{
    read_variant(_i);
    HOLD("100 divert 8000 ip from any to any not diverted",
         "200 deny ip from any to any not diverted");
    write_with_tag(0);
    expect_sent();
}
END_TEST

START_TEST(test_diverted_before_the_divert_rule_ends_a_loop)
{
    read_variant(_i);
    HOLD("50 allow ip from any to any diverted", "100 divert 8000 ip from any to any");
    write_with_tag(0);
    expect_sent();
}
END_TEST

START_TEST(test_written_without_an_address_is_diverted)
{
    read_variant(_i);
    HOLD("100 divert 8000 ip from any to any not diverted",
         "200 deny ip from any to any not diverted");
    if (!injected) {
        send_packet();
        expect_diverted(0, 100);
    }
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    divert_write(injected ? divert_socket() : sockets[0], packet, len, NULL);
    expect_sent();
}
END_TEST

static const char *later_hook(void)
{
    return outgoing ? "postrouting" : "forward";
}

START_TEST(test_tag_is_cleared_from_the_mark_afterwards)
{
    static const int tags[] = {100, 200, 65535};

    read_variant(_i);
    HOLD("100 divert 8000 ip from any to any", "200 count ip from any to any");
    look_behind(later_hook(), "meta mark != 0 drop");
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        write_with_tag(tags[i]);
        expect_sent();
    }
}
END_TEST

START_TEST(test_other_bits_of_the_mark_stay)
{
    read_variant(_i);
    HOLD(THREE_DIVERTS);
    look_before(outgoing ? "postrouting" : "prerouting", "meta mark set meta mark or 0x1007");
    look_behind(later_hook(), "meta mark != 0x1007 drop");
    write_with_tag(200);
    expect_diverted(2, 300);
    write_on(2, 300);
    expect_sent();
}
END_TEST

/* A packet that loops for ever costs CPU time, but others pass. */
START_TEST(test_loop_by_a_lowered_tag_does_not_delay_others)
{
    uint8_t other[200];
    size_t other_len = make_udp(other, IN_PEER, 1111, OUT_PEER, 3333, 78, "y", 1);

    read_variant(_i);
    HOLD("100 divert 8000 udp from any to any 2222", "200 divert 8001 ip from any to any 2222");
    write_with_tag(99);
    for (int i = 0; i < 500; i++) {
        expect_diverted(0, 100);
        write_on(0, i % 100);
        wire_send(&in0, other, other_len);
        wire_expect(&out0, other, other_len);
    }
    expect_diverted(0, 100);
    write_on(0, 200);
    expect_sent();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_goes_on_at_the_first_rule_above_the_tag,
        test_altered_tag_re_enters_there_whether_or_not_a_rule_has_it,
        test_tag_0_runs_the_whole_list,
        test_tag_above_all_rules_leaves_the_list,
        test_re_entry_skips_all_rules_of_the_number,
        test_rules_of_one_number_are_met_in_order,
        test_skipto_goes_on_at_its_number,
        test_count_goes_on,
        test_deny_after_divert_drops,
        test_allow_ends_the_search,
        test_diverted_knows_what_was_written,
        test_written_with_tag_0_is_diverted,
        test_diverted_before_the_divert_rule_ends_a_loop,
        test_written_without_an_address_is_diverted,
        test_tag_is_cleared_from_the_mark_afterwards,
        test_other_bits_of_the_mark_stay,
        test_loop_by_a_lowered_tag_does_not_delay_others,
    };

    return run_suite_with("tags", tests, sizeof(tests) / sizeof(tests[0]), VARIANTS);
}
