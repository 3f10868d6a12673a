/* SPDX-License-Identifier: BSD-2-Clause */
/* The chains that rules become: trees, early copies, and dispatch by address or port. */
#include "firewall_text.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

START_TEST(nft_copies_before_reassembly_at_the_head_of_the_list)
{
    static const char early[] = "log group 7 ", late[] = "log group 8 ",
                      outgoing[] = "log group 9 ";

    add("50 deny ip from any to any out");
    add("100 tee 7 udp from any to any in");
    add("150 count ip from any to any");
    add("200 divert 8668 ip from any to any in");
    add("300 tee 8 udp from any to any in");
    add("400 tee 9 udp from any to any out");
    generate(0);
    has("\tchain incoming-tee {\n\t\tmeta mark & 0xffff0000 != 0x00000000 return\n");
    has("hook prerouting priority -450; policy accept;\n\t\tjump incoming-tee comment");
    ck_assert(strstr(text_str(&text), early) < strstr(text_str(&text), "\tchain incoming {"));
    ck_assert_uint_eq(occurrences(text_str(&text), early), 2); /* and for diverted packets */
    ck_assert(strstr(text_str(&text), late) > strstr(text_str(&text), "\tchain incoming {"));
    ck_assert_uint_eq(occurrences(text_str(&text), late), 2);
    ck_assert_uint_eq(occurrences(text_str(&text), outgoing), 2);
}
END_TEST

START_TEST(nft_has_no_early_chain_without_a_tee_at_the_head)
{
    add("100 allow tcp from any to any in");
    add("200 tee 7 udp from any to any in");
    generate(0);
    lacks("incoming-tee");
    lacks("-450");
}
END_TEST

/* Where the first rule counts: "in-d100:1 in:2 ". */
static const char *places(struct counters *counters)
{
    static char found[512];
    const struct counter *first;
    size_t count;

    counters_sort(counters);
    first = counters_of_rule(counters, rules.rules[0], &count);
    *found = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s:%u ", first[i].chain,
                 first[i].row);
    return found;
}

/* Rows are those of the packet filter: a line of iptables may take several. */
START_TEST(counters_are_where_the_action_is)
{
    struct counters counters = {0};

    options.counters = &counters;
    add("100 tcp-setmss 1400 tcp from any to 10.0.0.1,10.0.0.9 out");
    add("200 deny ip from any to any in");
    add("300 count ip from any to any recv eth0 in");
    generate(0);
    ck_assert_str_eq(places(&counters), "outgoing:1 outgoing-d100:1 ");
    counters_free(&counters);
    generate(4);
    ck_assert_str_eq(places(&counters), "divert-ab12-out-c2:0 divert-ab12-out-c4:0 ");
    has("-A divert-ab12-out-c2\n-A divert-ab12-out-c2 -p tcp -m tcp --tcp-flags SYN SYN");
    counters_free(&counters);
}
END_TEST

START_TEST(skipto_uses_the_tree_for_new_packets_too)
{
    add("100 skipto 300 tcp from any to any out");
    add("200 deny ip from any to any out");
    add("300 allow ip from any to any out");
    generate(4);
    has("-A divert-ab12-out -j divert-ab12-out-d100-300\n");
    has("-A divert-ab12-out-tag -j divert-ab12-out-d100-300\n");
    lacks("divert-ab12-out-u");
    has("--set-xmark 0x12b0000/0xffff0000"); /* 299 */
    generate(0);
    has("meta mark set meta mark & 0x0000ffff | 0x012b0000 return");
    lacks("outgoing-u");
}
END_TEST

START_TEST(skipto_stops_at_the_default_rule)
{
    add("100 skipto 65535 tcp from any to any out");
    add("200 allow ip from any to any");
    add("65535 deny ip from any to any");
    generate(4);
    has("# 65535 deny ip from any to any\n-A divert-ab12-out-d201 -j DROP\n");
    has("--set-xmark 0xc80000/0xffff0000"); /* 200 */
}
END_TEST

START_TEST(new_packets_get_their_own_tree_where_diverted_decides)
{
    add("100 skipto 300 tcp from any to any");
    add("200 deny ip from any to any not diverted out");
    add("300 allow ip from any to any");
    generate(4);
    has("-A divert-ab12-out -j divert-ab12-out-u100-300\n");
    has("-A divert-ab12-out-tag -j divert-ab12-out-d100-300\n");
    has("-A divert-ab12-out-u200 -j DROP\n");
    lacks("divert-ab12-out-d200");
    lacks("divert-ab12-in-u"); /* the rule does not concern incoming packets */
}
END_TEST

START_TEST(new_packets_get_their_own_tree_behind_the_early_chain)
{
    add("100 tee 7 udp from any to any in");
    add("200 skipto 400 tcp from any to any in");
    add("300 deny ip from any to any in");
    generate(0);
    has("jump incoming-u200-300\n");
    has("jump incoming-d100-300\n");
    lacks("incoming-u100");
    generate(4); /* iptables has no early chain */
    lacks("divert-ab12-in-u");
}
END_TEST

START_TEST(chains_nest_no_deeper_than_nf_tables_allows)
{
    char rule[64];

    for (int i = 1; i <= 4000; i++) {
        snprintf(rule, sizeof(rule), "%d deny ip from any to any", i * 16);
        add(rule);
    }
    generate(4);
    has(":divert-ab12-out-d16-64000 ");
    has(":divert-ab12-out-d16-8192 ");
    has(":divert-ab12-out-d16-1024 ");
    has(":divert-ab12-out-d16-128 ");
    has(":divert-ab12-out-d16 ");
    for (char *s = text.s, *line; (line = strsep(&s, "\n"));)
        if (*line == ':')
            ck_assert_uint_le(strcspn(line + 1, " "), 28);
}
END_TEST

static void add_hosts(int count, const char *action)
{
    char rule[64];

    for (int i = 0; i < count; i++) {
        snprintf(rule, sizeof(rule), "%s ip from 10.0.%d.%d to any in", action, i / 8, i);
        add(rule);
    }
}

START_TEST(consecutive_rules_are_dispatched_by_address)
{
    add_hosts(64, "deny");
    generate(4);
    has("-A divert-ab12-in-s1 -s 10.0.0.0/29 -j divert-ab12-in-s2\n");
    has("-A divert-ab12-in-s11 -s 10.0.0.3/32 -j DROP\n");
    lacks("-A divert-ab12-in -s 10.0");
    generate(0);
    has("ip saddr vmap { 10.0.0.0 : jump incoming-s1, 10.0.0.1 : jump incoming-s2, ");
}
END_TEST

START_TEST(packets_allowed_by_dispatched_rules_leave_the_list)
{
    add_hosts(8, "allow");
    add("deny ip from any to any in");
    generate(0);
    has(" }\n\t\tmeta mark & 0xffff0000 != 0x00000000 meta mark set meta mark & 0x0000ffff "
        "return\n");
    has("ip saddr 10.0.0.7 counter meta mark set meta mark & 0x0000ffff | 0x03840000 return\n");
}
END_TEST

START_TEST(few_rules_or_overlapping_ones_are_compared_one_by_one)
{
    add_hosts(7, "deny");
    add("deny ip from 10.0.0.0/24 to any in");
    add_hosts(7, "deny");
    generate(4);
    lacks("-s1 ");
    has("-A divert-ab12-in -s 10.0.0.3/32 -j DROP\n");
}
END_TEST

START_TEST(ports_are_dispatched_within_their_protocol)
{
    char rule[64];

    for (int i = 0; i < 20; i++) {
        snprintf(rule, sizeof(rule), "deny %s from any to any %d-%d in", i < 10 ? "tcp" : "udp",
                 i * 10, i * 10 + 9);
        add(rule);
    }
    generate(4);
    has("-p tcp -m tcp --dport 0:19 -j divert-ab12-in-s");
    has("-p udp -m udp --dport 100:119 -j divert-ab12-in-s");
    generate(0);
    has("th dport vmap { 0-9 : jump ");
    has("th dport vmap { 100-109 : jump ");
}
END_TEST

START_TEST(too_many_lists_are_refused)
{
    const struct rule *too_long;

    add("deny tcp from 1.1.1.1,1.1.1.2 to 2.2.2.2,2.2.2.3 src-ip 1.1.1.1,1.1.1.2 src-ip "
        "1.1.1.1,1.1.1.3 "
        "dst-ip 2.2.2.2,2.2.2.3 dst-ip 2.2.2.2,2.2.2.4 dst-ip 2.2.2.2,2.2.2.5");
    ck_assert(!iptables_text(&rules, &options, 4, &text, &too_long));
    ck_assert_ptr_eq(too_long, rules.rules[0]);
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("plan", firewall_setup, firewall_teardown, 0);

    runner_add(&runner, nft_copies_before_reassembly_at_the_head_of_the_list, 1);
    runner_add(&runner, nft_has_no_early_chain_without_a_tee_at_the_head, 1);
    runner_add(&runner, counters_are_where_the_action_is, 1);
    runner_add(&runner, skipto_uses_the_tree_for_new_packets_too, 1);
    runner_add(&runner, skipto_stops_at_the_default_rule, 1);
    runner_add(&runner, new_packets_get_their_own_tree_where_diverted_decides, 1);
    runner_add(&runner, new_packets_get_their_own_tree_behind_the_early_chain, 1);
    runner_add(&runner, chains_nest_no_deeper_than_nf_tables_allows, 1);
    runner_add(&runner, consecutive_rules_are_dispatched_by_address, 1);
    runner_add(&runner, packets_allowed_by_dispatched_rules_leave_the_list, 1);
    runner_add(&runner, few_rules_or_overlapping_ones_are_compared_one_by_one, 1);
    runner_add(&runner, ports_are_dispatched_within_their_protocol, 1);
    runner_add(&runner, too_many_lists_are_refused, 1);
    return runner_run(&runner);
}
