/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of ipfw: their contents, and the rules that name them. */
#include "ipfw/command.h"
#include "ipfw/resolve.h"
#include "iptables/iptables.h"
#include "nft/nft.h"
#include "runner.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ipfw_model model;
static struct ipfw_reply reply;
static struct ruleset rules;
static struct text why;

static void begin_tables(void)
{
    ipfw_model_free(&model);
    ipfw_reply_free(&reply);
    ruleset_free(&rules);
    text_free(&why);
}

static enum ipfw_result run(const char *line)
{
    ipfw_reply_free(&reply);
    return ipfw_command(&model, line, &reply);
}

static void done(const char *line)
{
    enum ipfw_result result = run(line);

    ck_assert_msg(result == IPFW_DONE, "'%s': %d, %s%s", line, result, reply.error.message,
                  text_str(&reply.err));
}

static void failed(const char *line, const char *says)
{
    ck_assert_msg(run(line) == IPFW_FAILED, "'%s' did not fail", line);
    ck_assert_msg(strstr(text_str(&reply.err), says), "'%s': %s", line, text_str(&reply.err));
}

static void refused(const char *line, const char *says)
{
    ck_assert_msg(run(line) == IPFW_REFUSED, "'%s' was taken", line);
    ck_assert_msg(strstr(reply.error.message, says), "'%s': %s", line, reply.error.message);
}

static void resolve(void)
{
    ruleset_free(&rules);
    text_free(&why);
    ck_assert_msg(ipfw_resolve(&model, &rules, &why), "%s", text_str(&why));
}

static void not_resolved(const char *says)
{
    ruleset_free(&rules);
    text_free(&why);
    ck_assert(!ipfw_resolve(&model, &rules, &why));
    ck_assert_msg(strstr(text_str(&why), says), "%s", text_str(&why));
}

/* The addresses of a rule's clause: "10.0.0.0/8 ::/0 ". */
static const char *addresses(size_t index, enum clause_kind kind)
{
    static char all[2048];
    const struct rule_clause *clause;
    size_t at = 0;

    ck_assert_uint_lt(index, rules.count);
    clause = rule_clause(rules.rules[index], kind);
    ck_assert(clause && clause->list);
    for (size_t i = 0; i < clause->list->count; i++) {
        const struct rule_addr *addr = &clause->list->networks[i];
        char s[INET6_ADDRSTRLEN];

        inet_ntop(addr->kind == ADDR_NET4 ? AF_INET : AF_INET6, addr->bytes, s, sizeof(s));
        at += (size_t)snprintf(all + at, sizeof(all) - at, "%s/%u ", s, addr->prefix);
    }
    return all;
}

/* The text for a packet filter, with FAMILY 0 nft, else iptables. */
static char *text_for(int family)
{
    const struct filter_options options = {
        .mark_mask = 0xffff0000, .listeners = 1, .id = "ab12", .owner = "owner"};
    const struct rule *too_long;
    struct text text = {0};

    ck_assert(family ? iptables_text(&rules, &options, family, &text, &too_long)
                     : nft_text(&rules, &options, &text, &too_long));
    return text.s;
}

static void expect_text(int family, const char *part)
{
    char *text = text_for(family);

    ck_assert_msg(strstr(text, part), "no '%s' in:\n%s", part, text);
    free(text);
}

START_TEST(tables_are_made_and_shown)
{
    done("table 1 add 10.0.0.0/8 5");
    done("table 1 add 192.0.2.1 10.0.0.1 192.0.2.2/32 0x7 fd00::/16");
    done("ipfw table 1 list");
    ck_assert_str_eq(text_str(&reply.out), "--- table(1), set(0) ---\n10.0.0.0/8 5\n"
                                           "192.0.2.1/32 167772161\n192.0.2.2/32 7\n"
                                           "fd00::/16 0\n");
}
END_TEST

START_TEST(entries_come_with_values)
{
    done("table T create type addr valtype skipto,divert");
    done("table T add 10.0.0.0/8 500,8668 10.1.0.0/16 600,8669");
    refused("table T add 10.2.0.0/16 600", "more values");
    refused("table T add 10.2.0.0/16 600,1,2", "fewer");
    refused("table T add 10.2.0.0/16 x,1", "expected a number");
    done("table T lookup 10.1.2.3");
    ck_assert_str_eq(text_str(&reply.out), "10.1.0.0/16 600,8669\n");
    done("table T lookup 10.9.0.0");
    ck_assert_str_eq(text_str(&reply.out), "10.0.0.0/8 500,8668\n");
    failed("table T lookup 11.0.0.0", "Entry not found");
    failed("table T create", "File exists");
    done("table T create missing");
    failed("table T add 10.0.0.0/8 1,1", "already exists");
    done("ipfw -q table T add 10.0.0.0/8 1,1");
    done("table T delete 10.0.0.0/8");
    failed("table T delete 10.0.0.0/8", "not found");
    failed("table nope delete 1.1.1.1", "does not exist");
    done("table nope flush");
    done("table T info");
    ck_assert_ptr_nonnull(strstr(text_str(&reply.out), "items: 1"));
    done("add 100 deny ip from table(T) to any");
    failed("table T destroy", "busy");
    done("delete 100");
    done("table T destroy");
    failed("table T list", "does not exist");
}
END_TEST

START_TEST(wrong_words_of_tables_are_refused)
{
    refused("table", "name or the number");
    refused("table a/b add 1.1.1.1", "name of a table");
    refused("table T", "after the table's name");
    refused("table T frobnicate", "frobnicate");
    refused("table T add", "expected an entry");
    refused("table T add 10.0.0.0/33", "prefix length");
    refused("table T add example.org", "no host names");
    refused("table T create type flow:src-ip", "flow tables are not supported");
    refused("table T create type nonsense", "addr, iface or number");
    refused("table T create valtype nonsense", "legacy");
    done("table I create type iface");
    refused("table I add em*", "whole names");
    done("table N create type number");
    refused("table N add x", "expected a number");
    refused("table all create", "create");
    refused("add deny ip from table() to any", "name or the number");
    refused("add deny ip from table(1 to any", "table(NAME)");
    refused("add deny ip from table(1,x) to any", "after the comma");
    refused("add deny ip from any to any lookup colour T", "expected dst-ip");
    refused("add deny ip from any to any lookup dst-ip", "after 'dst-ip'");
    refused("add deny icmp from any to any lookup dst-port T", "no ports");
}
END_TEST

START_TEST(the_longest_prefix_decides)
{
    done("table 1 add 10.0.0.0/8 1 10.64.0.0/10 2 10.96.0.0/11 1 10.100.0.0/16 3");
    done("add 100 deny ip from table(1) to any");
    done("add 200 deny ip from table(1,1) to any");
    done("add 300 deny ip from any to table(1,2)");
    done("add 400 deny ip from any to table(1,0x3)");
    done("add 500 deny ip from any to table(1,9)");
    resolve();
    ck_assert_uint_eq(rules.count, 5);
    ck_assert_ptr_nonnull(rule_clause(rules.rules[4], CLAUSE_PROB)); /* of 0 */
    ck_assert_str_eq(addresses(0, CLAUSE_SRC), "10.0.0.0/8 ");
    ck_assert_str_eq(addresses(1, CLAUSE_SRC),
                     "10.0.0.0/10 10.96.0.0/14 10.101.0.0/16 10.102.0.0/15 10.104.0.0/13 "
                     "10.112.0.0/12 10.128.0.0/9 ");
    ck_assert_str_eq(addresses(2, CLAUSE_DST), "10.64.0.0/11 ");
    ck_assert_str_eq(addresses(3, CLAUSE_DST), "10.100.0.0/16 ");
}
END_TEST

START_TEST(the_ends_of_all_addresses_count)
{
    done("table 1 add 0.0.0.0/0 1 255.255.255.255 2 0.0.0.0 2 ::/0 1 ::/128 2");
    done("table 1 add ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2");
    done("add 100 deny ip from table(1) to any");
    done("add 200 deny ip from table(1,2) to any");
    done("add 300 deny ip from table(1,1) to any");
    resolve();
    ck_assert_str_eq(addresses(0, CLAUSE_SRC), "0.0.0.0/0 ::/0 ");
    ck_assert_str_eq(addresses(1, CLAUSE_SRC), "0.0.0.0/32 255.255.255.255/32 ::/128 "
                                               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128 ");
    ck_assert_uint_eq(rule_clause(rules.rules[2], CLAUSE_SRC)->list->count4, 62);
    ck_assert_uint_eq(rule_clause(rules.rules[2], CLAUSE_SRC)->list->count, 62 + 254);
}
END_TEST

START_TEST(tablearg_is_a_rule_for_each_value)
{
    done("table 1 add 10.0.0.0/8 8001 10.1.0.0/16 8002 10.2.0.0/16 8001");
    done("add 100 divert tablearg ip from table(1) to any");
    done("add 200 deny ip from any to any");
    resolve();
    ck_assert_uint_eq(rules.count, 3);
    ck_assert_uint_eq(rules.rules[0]->argument, 8001);
    ck_assert_uint_eq(rules.rules[1]->argument, 8002);
    ck_assert_uint_eq(rules.rules[1]->number, 100);
    ck_assert_str_eq(addresses(0, CLAUSE_SRC),
                     "10.0.0.0/16 10.2.0.0/15 10.4.0.0/14 10.8.0.0/13 10.16.0.0/12 10.32.0.0/11 "
                     "10.64.0.0/10 10.128.0.0/9 ");
    ck_assert_str_eq(addresses(1, CLAUSE_SRC), "10.1.0.0/16 ");
    done("table 1 add 11.0.0.0/8 70000");
    not_resolved("the value 70000");
    done("delete 100");
    done("add 8001 skipto tablearg ip from any to any lookup src-ip 1");
    not_resolved("forward only");
    done("delete 8001");
    done("add 100 tee tablearg ip from not table(1) to any");
    not_resolved("'tablearg' needs a table");
}
END_TEST

START_TEST(an_empty_table_matches_nothing)
{
    done("add 100 deny ip from table(5) to any");
    done("add 200 deny ip from not table(5) to me");
    done("add 300 deny ip from any to any recv table(5)");
    done("add 400 deny tcp from any to any not lookup dst-port 5");
    done("add 500 divert tablearg ip from table(5) to any");
    resolve();
    ck_assert_uint_eq(rules.count, 5);
    ck_assert_uint_eq(rules.rules[1]->number, 200);
    ck_assert_ptr_null(rule_clause(rules.rules[1], CLAUSE_SRC));
    ck_assert_ptr_nonnull(rule_clause(rules.rules[1], CLAUSE_DST));
    ck_assert_ptr_null(rule_clause(rules.rules[3], CLAUSE_DPORT));
    for (unsigned i = 0; i < rules.count; i++)
        ck_assert_uint_eq(rules.rules[i]->number, 100 * (i + 1));
    ck_assert_str_eq(rules.rules[4]->text, "divert tablearg ip from table(5) to any");
    for (int family = 0; family <= 6; family += family ? 2 : 4) {
        char *text = text_for(family);

        ck_assert_ptr_null(strstr(text, "100 deny"));
        ck_assert_ptr_null(strstr(text, "500 divert"));
        free(text);
    }
}
END_TEST

START_TEST(interfaces_and_numbers_are_looked_up)
{
    done("table in create type iface");
    done("table in add em0 7 lo0");
    refused("table in add 10.0.0.1/8", "interface name");
    done("table ports add 80 0 81 0 82 0 99999 0");
    done("add 100 deny ip from any to any via table(in)");
    done("add 200 deny tcp from any to any lookup dst-port ports");
    resolve();
    expect_text(0, "iifname { \"em0\", \"lo\" }");
    expect_text(4, "-i em0 ");
    expect_text(4, "-o lo ");
    expect_text(0, "th dport 80-82");
    expect_text(6, "--dport 80:82");
    done("add 300 deny ip from table(ports) to any");
    not_resolved("has the type number, and the rule needs addr");
}
END_TEST

START_TEST(large_tables_are_sets_or_trees)
{
    char line[64];
    char *text;

    for (int i = 0; i < 3000; i++) {
        snprintf(line, sizeof(line), "table big add 10.%d.%d.0/25", i / 250, i % 250);
        done(line);
    }
    done("table big add fd00::/16");
    done("add 100 divert 8000 ip from table(big) to any");
    done("add 200 deny ip from any to not table(big)");
    resolve();
    expect_text(0, "set list1_4 {\n\t\ttype ipv4_addr;\n\t\tflags interval;");
    expect_text(0, "ip saddr @list1_4 counter");
    expect_text(0, "ip6 saddr @list1_6 counter");
    expect_text(0, "ip daddr != @list2_4 counter drop");
    expect_text(4, "-s 10.11.249.0/25 -g divert-ab12-");
    expect_text(4, "-d 10.11.249.0/25 -j RETURN");
    expect_text(6, "-s fd00::/16 ");
    expect_text(6, "! -d fd00::/16 -j DROP");
    text = text_for(4);
    ck_assert_ptr_nonnull(strstr(text, "-s 10.8.0.0/17 -g divert-ab12-in-c"));
    free(text);
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("tables", begin_tables, begin_tables, 60);

    runner_add(&runner, tables_are_made_and_shown, 1);
    runner_add(&runner, entries_come_with_values, 1);
    runner_add(&runner, wrong_words_of_tables_are_refused, 1);
    runner_add(&runner, the_longest_prefix_decides, 1);
    runner_add(&runner, the_ends_of_all_addresses_count, 1);
    runner_add(&runner, tablearg_is_a_rule_for_each_value, 1);
    runner_add(&runner, an_empty_table_matches_nothing, 1);
    runner_add(&runner, interfaces_and_numbers_are_looked_up, 1);
    runner_add(&runner, large_tables_are_sets_or_trees, 1);
    return runner_run(&runner);
}
