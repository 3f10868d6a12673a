/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of ipfw: which rules they leave, what they print, and what they refuse. */
#include "ipfw/command.h"
#include "ipfw/resolve.h"
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ipfw_model model;
static struct ipfw_reply reply;

static void begin(void)
{
    ipfw_model_free(&model);
    ipfw_reply_free(&reply);
}

static void end(void)
{
    begin();
}

static enum ipfw_result run(const char *line)
{
    ipfw_reply_free(&reply);
    return ipfw_command(&model, line, &reply);
}

static void expect_done(const char *line)
{
    enum ipfw_result result = run(line);

    ck_assert_msg(result == IPFW_DONE, "'%s': %d, %s%s", line, result, reply.error.message,
                  text_str(&reply.err));
}

static void expect_failed(const char *line, int status, const char *says)
{
    ck_assert_msg(run(line) == IPFW_FAILED, "'%s' did not fail", line);
    ck_assert_int_eq(reply.status, status);
    ck_assert_str_eq(text_str(&reply.err), says);
}

/* Checks the word that the error is about, and the message. */
static void expect_refused(const char *line, const char *word, const char *says)
{
    char blamed[256] = "";

    ck_assert_msg(run(line) == IPFW_REFUSED, "'%s' was taken", line);
    ck_assert_uint_le(reply.error.offset + reply.error.length, strlen(line));
    memcpy(blamed, line + reply.error.offset, reply.error.length);
    ck_assert_msg(strcmp(blamed, word) == 0, "'%s': blames '%s': %s", line, blamed,
                  reply.error.message);
    ck_assert_msg(strstr(reply.error.message, says), "'%s': says '%s'", line, reply.error.message);
}

/* The rules in force, as "100 allow ...|200 ...|". */
static const char *in_force(void)
{
    static char all[1024];
    struct ruleset rules = {0};
    struct text why = {0};
    size_t at = 0;

    ck_assert(!reply.error.message[0]);
    all[0] = '\0';
    if (!ipfw_resolve(&model, &rules, &why))
        snprintf(all, sizeof(all), "%s", text_str(&why));
    text_free(&why);
    for (size_t i = 0; i < rules.count; i++)
        at += (size_t)snprintf(all + at, sizeof(all) - at, "%u %s|", rules.rules[i]->number,
                               rules.rules[i]->text);
    ruleset_free(&rules);
    return all;
}

START_TEST(a_rule_is_added_with_or_without_a_command)
{
    expect_done("count ip from any to any");
    ck_assert_str_eq(text_str(&reply.out), "00100 count ip from any to any\n");
    expect_done("add 150 count tcp from any to any // web");
    expect_done("ipfw -q add count udp from any to any");
    ck_assert_str_eq(text_str(&reply.out), "");
    expect_done("/sbin/ipfw add set 3 count icmp from any to any");
    expect_done("${fwcmd} -qf add 10 count gre from any to any");
    ck_assert_str_eq(in_force(), "10 count gre from any to any|100 count ip from any to any|"
                                 "150 count tcp from any to any|250 count udp from any to any|"
                                 "350 count icmp from any to any|");
    ck_assert_int_eq(run(" # nothing"), IPFW_NOTHING);
}
END_TEST

START_TEST(errors_are_about_a_word_of_the_line)
{
    expect_refused("ipfw -q add 100 allow ip form any to any", "form", "expected 'from'");
    expect_refused("add 100 deny { tcp or udp } form any to any", "form", "expected 'from'");
    expect_refused("ipfw -q", "", "at the end");
    expect_refused("ipfw nonsense", "nonsense", "expected an ipfw command");
    expect_refused("delete all", "all", "expected the number of a rule");
    expect_refused("delete 100 x", "x", "expected the number of a rule");
    expect_refused("flush now", "now", "expected the end");
    expect_refused("set disable 32", "32", "0 to 31");
    expect_refused("set 1 2", "2", "expected an action");
    expect_refused("set wiggle 3", "wiggle", "expected enable");
    expect_refused("enable fun", "fun", "expected firewall");
    expect_refused("set move 3 5", "5", "expected 'to'");
    expect_refused("nat 1 config if em0", "nat 1 config if em0", "natd");
    expect_refused("ipfw pipe 1 config bw 1Mbit/s", "ipfw pipe 1 config bw 1Mbit/s", "tc(8)");
    ck_assert_int_eq(run("add 200 skipto 100 ip from any to any"), IPFW_REFUSED);
    ck_assert_int_eq(run("count { tcp or udp } from any to any"), IPFW_REFUSED);
    ck_assert(reply.placeless);
    ck_assert_str_eq((begin(), in_force()), "");
}
END_TEST

START_TEST(rules_are_deleted_by_number_range_and_set)
{
    for (int i = 0; i < 8; i++)
        expect_done("count ip from any to any");
    expect_done("add 900 set 5 deny ip from any to any");
    expect_done("add 900 set 6 deny ip from any to any");
    expect_done("delete 100 300-499 800");
    expect_done("ipfw set 5 delete 900");
    ck_assert_str_eq(in_force(), "200 count ip from any to any|500 count ip from any to any|"
                                 "600 count ip from any to any|700 count ip from any to any|"
                                 "900 deny ip from any to any|");
    expect_failed("delete 100 200", 69, "ipfw: rule 100 not found\n");
    expect_failed("delete 1-9", 69, "ipfw: no rules in 1-9 range\n");
    expect_failed("ipfw -q delete 100", 69, "");
    expect_done("ipfw -f -q delete 100");
    expect_done("delete set 6");
    expect_done("-n delete 500-700");
    ck_assert_str_eq(in_force(), "500 count ip from any to any|600 count ip from any to any|"
                                 "700 count ip from any to any|");
}
END_TEST

START_TEST(flush_spares_the_last_set)
{
    expect_done("add 100 count ip from any to any");
    expect_done("add 200 set 31 allow ip from any to any via lo0");
    expect_done("add 300 set 7 count ip from any to any");
    expect_done("ipfw set 7 flush");
    ck_assert_str_eq(in_force(),
                     "100 count ip from any to any|200 allow ip from any to any via lo0|");
    expect_done("-f flush");
    ck_assert_str_eq(text_str(&reply.out), "Flushed all rules.\n");
    ck_assert_str_eq(in_force(), "200 allow ip from any to any via lo0|");
    expect_done("delete set 31");
    ck_assert_str_eq(in_force(), "");
}
END_TEST

START_TEST(rules_of_disabled_sets_are_not_in_force)
{
    expect_done("add 100 set 1 count ip from any to any");
    expect_done("add 200 set 2 count ip from any to any");
    expect_done("add 300 set 3 count ip from any to any");
    expect_done("set disable 1 2 enable 2 disable 3");
    ck_assert_str_eq(in_force(), "200 count ip from any to any|");
    expect_done("set swap 1 2");
    ck_assert_str_eq(in_force(), "100 count ip from any to any|");
    expect_done("set move rule 300 to 2");
    ck_assert_str_eq(in_force(), "100 count ip from any to any|300 count ip from any to any|");
    expect_done("set move 2 to 1");
    ck_assert_str_eq(in_force(), "");
    expect_done("set enable 1");
    ck_assert_str_eq(in_force(), "100 count ip from any to any|200 count ip from any to any|"
                                 "300 count ip from any to any|");
    expect_done("set disable 31");
    expect_done("set show");
    ck_assert_ptr_nonnull(strstr(text_str(&reply.out), "disable 3 enable 0 1 2 4"));
    expect_done("disable firewall");
    ck_assert_str_eq(in_force(), "");
    expect_done("enable firewall");
    ck_assert_str_ne(in_force(), "");
}
END_TEST

START_TEST(commands_may_be_abbreviated)
{
    expect_done("ipfw a 100 count ip from any to any");
    expect_done("ipfw del 100");
    expect_failed("del 100", 69, "ipfw: rule 100 not found\n");
    expect_done("ipfw sh");
    expect_done("ipfw l");
    expect_done("ipfw dis firewall");
    expect_done("ipfw en firewall");
    expect_done("table 1 add 10.0.0.0/8");
    expect_done("table 1 del 10.0.0.0/8");
    expect_refused("d 100", "d", "expected an action");
}
END_TEST

START_TEST(deleting_what_does_not_exist_succeeds)
{
    expect_done("ipfw -f pipe flush");
    expect_done("ipfw -q queue flush");
    expect_done("ipfw nat 1 delete");
    expect_done("ipfw delete pipe 1");
    expect_done("ipfw nat show config");
}
END_TEST

START_TEST(a_comment_is_a_rule)
{
    expect_done("add 100 // the first");
    expect_done("ipfw -q add // the next");
    expect_done("ipfw add 300 deny tcp from any to any //is no rule");
    ck_assert_int_eq(run("add 65535 // default"), IPFW_REFUSED);
    ck_assert(reply.placeless);
    ipfw_reply_free(&reply);
    ck_assert_str_eq(in_force(), "100 count ip from any to any|200 count ip from any to any|"
                                 "300 deny tcp from any to any|");
    ck_assert_int_eq(run("// only a comment"), IPFW_NOTHING);
}
END_TEST

START_TEST(rules_are_listed)
{
    expect_done("list");
    ck_assert_str_eq(text_str(&reply.out), "65535 allow ip from any to any\n");
    expect_done("add 100 deny tcp from any to any 23");
    expect_done("add 200 set 4 count ip from any to any");
    expect_done("add 65535 deny ip from any to any");
    expect_done("ipfw list");
    ck_assert_str_eq(text_str(&reply.out), "00100 deny tcp from any to any 23\n"
                                           "00200 count ip from any to any\n"
                                           "65535 deny ip from any to any\n");
    expect_done("ipfw show 100-150");
    ck_assert_str_eq(text_str(&reply.out), "00100 0 0 deny tcp from any to any 23\n");
    expect_done("ipfw set 4 list");
    ck_assert_str_eq(text_str(&reply.out), "00200 count ip from any to any\n");
    expect_done("set disable 4");
    expect_failed("ipfw list 200", 69, "ipfw: rule 200 does not exist\n");
    expect_done("ipfw -S list 200");
    ck_assert_str_eq(text_str(&reply.out), "00200 set 4 count ip from any to any\n");
    expect_failed("ipfw list 7", 69, "ipfw: rule 7 does not exist\n");
    expect_done("zero 100");
    expect_done("resetlog");
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("commands", begin, end, 60);

    runner_add(&runner, a_rule_is_added_with_or_without_a_command, 1);
    runner_add(&runner, errors_are_about_a_word_of_the_line, 1);
    runner_add(&runner, rules_are_deleted_by_number_range_and_set, 1);
    runner_add(&runner, flush_spares_the_last_set, 1);
    runner_add(&runner, rules_of_disabled_sets_are_not_in_force, 1);
    runner_add(&runner, rules_are_listed, 1);
    runner_add(&runner, commands_may_be_abbreviated, 1);
    runner_add(&runner, deleting_what_does_not_exist_succeeds, 1);
    runner_add(&runner, a_comment_is_a_rule, 1);
    return runner_run(&runner);
}
