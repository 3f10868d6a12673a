/* SPDX-License-Identifier: BSD-2-Clause */
/* The language of ipfw: what is accepted, and which word the error is about. */
#include "ipfw/alternatives.h"
#include "ipfw/ipfw.h"
#include "runner.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rule rule;
static struct rule_error error;

static const char *const good[] = {
    "divert 8668 ip from any to any via eth0",
    "100 divert natd ip from any to any",
    "00050 divert 8668 all from any to any via fxp0",
    "100 divert 8000 tcp from any to any 80 in recv eth0",
    "200 deny udp from any to any 53",
    "65534 allow ip from any to any",
    "1 count ip from me to me6",
    "tee 3000 tcp from any 1024-65535 to 10.0.0.0/8,192.168.0.0:255.255.0.0 22,80,443 setup",
    "pass log icmp from any to any icmptypes 0,8,11",
    "permit log logamount 100 icmp6 from any to any icmp6types 128",
    "accept ip6 from 2001:db8::/32, fe80::1 to not ::1",
    "drop tcp from not 10.1.1.1,10.1.1.2 not 1-1023 to any established",
    "skipto 65535 ip from any to any diverted",
    "10 skipto 11 ip from any to any not diverted",
    "deny tcp from any to any tcpflags syn,!ack,!fin",
    "deny ip from any to any frag out xmit ppp*",
    "deny ip from any to any iplen 0-20,1500",
    "deny ip from any to any src-ip 10.0.0.1 dst-ip me src-port 5 dst-port 6 // none",
    "deny 47 from any to any not via lo",
    "deny not icmp from any to any proto gre",
    "DIVERT 5 TCP FROM ANY TO ANY // upper case",
    "count ip from any to any # comment",
    "deny ip from any to any not in",
    "allow tcp from any http to any https",
    "allow tcp from any to any rdp,ntalk",
    "deny udp from any to any not 53 not diverted",
    "deny ip from 1.2.3.4/0 to any via any",
    "deny ip from any to any via name-of-fifteen*",
    "deny ip from any to any ipttl 1,5-7 ipid 3 ipprecedence 7 iptos lowdelay,!mincost",
    "deny ip from any to any dscp cs0,CS7,af11,af43,ef,be,va,63 ipversion 4",
    "deny tcp from any to any tcpseq 4294967295 tcpack 0 tcpwin 1-2,5 tcpmss 536",
    "deny tcp from any to any tcpoptions mss,!sack not tcpopts ts",
    "prob 0.5 deny ip from any to any uid root gid 0 sockarg",
    "deny in recv em0",
    "100 set 31 deny ip from any to any",
    "65535 deny log all from any to any",
    "65535 allow ip from any to any",
    "reass all from any to any in",
    "deny not verrevpath in",
    "reject tcp from any to any 113",
    "unreach needfrag 1400 ip from any to any",
    "unreach 13 log logamount 0 ip from any to any",
    "unreach precedence-cutoff ip from any to any",
    "unreach6 admin-prohib ip6 from any to any",
    "reset log tcp from any to any",
    "reset6 ip6 from any to any",
    "setdscp af11 ip from any to any",
    "500 call 100 ip from any to any",
    "return via any",
    "deny log logamount 5 logdst syslog ip from any to any",
    "count tag 65534 log ip from any to any tagged 1,5-9",
    "allow log logamount 5 untag 1 ip from any to any not tagged 7",
    "deny ip from any to any frag df,!mf",
    "deny ip from any to any frag !offset in",
    "deny ip from any to any frag not in",
    "deny ip from any to any ipoptions ssrr,!rr not ipopts lsrr",
    "deny tcp from any to any tcpdatalen 0,5-10",
    "deny ip from any to any not antispoof in",
    "deny ip6 from any to any ext6hdr frag,hopopt,route,dstopt,ah,esp,rthdr0,rthdr2",
    "deny ip6 from any to any flow-id 0,1048575",
    "deny ip from any to any ipsec in",
    "deny ip from any to any diverted-loopback not diverted-output",
    "deny ip from any to any recv any xmit any via any",
    "deny ip from 1.2.3.4:255.0.255.0 to fe::640:0:0/ffff::ffff:ffff:0:0",
    "deny ip from 1.2.3.4/24{128, 35-55,89} to not 10.0.0.0{1},10.1.0.0/30{0-3}",
    "count tcp from any ftp\\-data-ftp to any 80",
    "deny ip from any to any proto ipv6",
    "deny tcp from any to any estab ipver 4 tcpflgs syn",
    "deny ip from any to any src-ipv6 ::1 dst-ipv6 ::2",
    "setdscp 63 log ip from any to any out",
    "tcp-setmss 1400 tcp from any to any setup",
    "deny ip4",
    "deny established",
    "check-state",
    "check-state :any",
    "allow tcp from me to any setup keep-state",
    "skipto 500 udp from any to any 53 out keep-state :dns // both",
    "allow tcp from any to me 22 setup limit src-addr dst-port 4 :ssh",
    "allow tcp from any to me record-state",
};

/* The rule, and the word that its error is about. */
static const struct {
    const char *rule, *word, *message;
} bad[] = {
    {"divert 8668 ip from any too any", "too", "expected 'to'"},
    {"divert 8668 ip form any to any", "form", "expected 'from'"},
    {"divert 99999 ip from any to any", "99999", "a divert port is a number from 1 to 65535"},
    {"divert 0 ip from any to any", "0", "a divert port is a number from 1 to 65535"},
    {"divert -1 ip from any to any", "-1", "a divert port"},
    {"divert nosuchport ip from any to any", "nosuchport", "/etc/services"},
    {"divert", "", "expected a divert port"},
    {"65535 allow tcp from any to any", "allow tcp from any to any", "is the default"},
    {"65535 count ip from any to any", "count ip from any to any", "is the default"},
    {"65536 allow ip from any to any", "65536", "from 1 to 65534"},
    {"0 allow ip from any to any", "0", "from 1 to 65534"},
    {"70000 allow ip from any to any", "70000", "from 1 to 65534"},
    {"99999999999999999999 allow ip from any to any", "99999999999999999999", "from 1"},
    {"deny 0 from any to any", "0", "1 to 255"},
    {"deny not hopopt from any to any", "hopopt", "1 to 255"},
    {"--jump deny ip from any to any", "--jump", "expected an action"},
    {"fwd 1.2.3.4 ip from any to any", "fwd", "policy routing"},
    {"nat 1 ip from any to any", "nat", "divert to natd"},
    {"pipe 1 ip from any to any", "pipe", "tc(8)"},
    {"unreach ip from any to any", "ip", "ICMP unreachable"},
    {"unreach 256 ip from any to any", "256", "ICMP unreachable"},
    {"unreach6 host ip from any to any", "host", "ICMPv6 unreachable"},
    {"unreach", "", "ICMP unreachable"},
    {"count log logdst ipfw0 ip from any to any", "ipfw0", "syslog"},
    {"call x ip from any to any", "x", "number of a rule to call"},
    {"call 5 tcp from any to any keep-state", "call 5 tcp from any to any keep-state", "dynamic"},
    {"count tag 0 ip from any to any", "0", "1 to 65534"},
    {"count tag 1 tag 2 ip from any to any", "tag", "expected"},
    {"count altq q ip from any to any", "altq", "tc(8)"},
    {"count ip from any to any tagged 65535", "65535", "expected a tag"},
    {"setdscp af14 ip from any to any", "af14", "expected a DSCP"},
    {"setdscp", "", "expected a DSCP"},
    {"tcp-setmss 5 udp from any to any", "tcp-setmss 5 udp from any to any", "another protocol"},
    {"tcp-setmss 0 tcp from any to any", "0", "segment size"},
    {"tcp-setmss 65536 tcp from any to any", "65536", "segment size"},
    {"deny log logamount x ip from any to any", "x", "after logamount"},
    {"bogus ip from any to any", "bogus", "expected an action"},
    {"65533 allow ip from any to any", "65533", "sockarg"},
    {"set 32 allow ip from any to any", "32", "0 to 31"},
    {"prob 2 allow ip from any to any", "2", "up to 1"},
    {"prob nan allow ip from any to any", "nan", "up to 1"},
    {"deny ip from any to any ipttl 256", "256", "0 to 255"},
    {"deny tcp from any to any tcpseq 1-2", "1-2", "a number"},
    {"deny udp from any to any tcpack 1", "tcpack", "another protocol"},
    {"deny tcp from any to any tcpoptions mss,cc", "cc", "expected a TCP option"},
    {"deny ip from any to any dscp af14", "af14", "expected a DSCP"},
    {"deny ip from any to any iptos low", "low", "lowdelay"},
    {"deny ip from any to any ipversion 5", "5", "4 or 6"},
    {"deny ip from any to any uid no-such-user", "no-such-user", "of this host"},
    {"100", "", "expected an action"},
    {"allow", "", "expected a protocol"},
    {"allow nosuchproto from any to any", "nosuchproto", "expected a protocol"},
    {"allow 256 from any to any", "256", "expected a protocol"},
    {"allow not ip from any to any", "ip", "matches nothing"},
    {"allow ip from example.org to any", "example.org", "no host names"},
    {"allow ip from 1.2.3.4/33 to any", "1.2.3.4/33", "prefix length"},
    {"allow ip from 1.2.3.4:255.0.256.0 to any", "1.2.3.4:255.0.256.0", "or a mask"},
    {"allow ip from 1.2.3.4/23{1} to any", "1.2.3.4/23{1}", "24 to 32 bits"},
    {"allow ip from 1.2.3.4/28{1,16} to any", "16}", "not in the network"},
    {"allow ip from 1.2.3.4{1,2 to any", "1.2.3.4{1,2", "expected '}'"},
    {"allow ip from 1.2.3.4{9-5} to any", "1.2.3.4{9-5}", "a range"},
    {"allow ip from 1.2.3.4{1}x to any", "1.2.3.4{1}x", "may follow '}'"},
    {"allow ip from ::1{1} to any", "::1{1}", "before the brace"},
    {"allow ip from any to any frag df,bogus", "bogus", "df, mf, rf or offset"},
    {"allow ip from any to any ipoptions ts", "ts", "timestamp option"},
    {"allow ip from any to any ipoptions bogus", "bogus", "ssrr, lsrr or rr"},
    {"allow ip from any to any ext6hdr bogus", "bogus", "extension header"},
    {"allow ip from any to any flow-id 1048576", "1048576", "flow label"},
    {"allow udp from any to any tcpdatalen 1", "tcpdatalen", "another protocol"},
    {"allow ip from any to any layer2", "layer2", "family bridge"},
    {"allow ip from any to any jail 1", "jail", "uid or gid"},
    {"allow ip from any to any versrcreach", "versrcreach", "verrevpath"},
    {"allow ip from 1.2.3 to any", "1.2.3", "expected an address"},
    {"allow ip from fe80::1/129 to any", "fe80::1/129", "prefix length"},
    {"allow ip from 10.0.0.1,,10.0.0.2 to any", "10.0.0.1,,10.0.0.2", "between two commas"},
    {"allow ip from 10.0.0.1, to any", "to", "expected an address"},
    {"allow ip from any to 10.0.0.1,", "10.0.0.1,", "nothing after the comma"},
    {"allow ip from 10.0.0.1,table(1) to any", "table(1)", "stands alone"},
    {"allow ip from any", "", "expected 'to'"},
    {"allow ip from", "", "expected an address"},
    {"allow ip from any to", "", "expected an address"},
    {"allow tcp from any to any 80 81", "81", "expected an option"},
    {"allow tcp from any to any 65536", "65536", "expected a port"},
    {"allow tcp from any to any 80-70", "80-70", "ends before it begins"},
    {"allow tcp from any to any 80-", "80-", "expected a port"},
    {"allow icmp from any to any 80", "80", "no ports"},
    {"allow gre from any 80 to any", "80", "no ports"},
    {"allow ip from any to any not keep-state", "keep-state", "cannot be negated"},
    {"allow ip from any to any keep-state keep-state", "keep-state", "one dynamic rule"},
    {"allow ip from any to any keep-state :", ":", "name of a flow"},
    {"allow ip from any to any limit", "", "expected src-addr"},
    {"allow ip from any to any limit 5", "5", "expected src-addr"},
    {"allow ip from any to any limit src-addr", "", "number of connections"},
    {"allow ip from any to any limit src-addr 0", "0", "number of connections"},
    {"check-state ip from any to any", "ip", "only a flow"},
    {"allow ip from any to any bogus", "bogus", "expected an option"},
    {"allow ip from any to any not", "", "after 'not'"},
    {"allow ip from any to any via", "", "expected an interface"},
    {"allow ip from any to any via 203.0.113.77", "203.0.113.77", "no interface has"},
    {"allow ip from any to any via 2001:db8::77", "2001:db8::77", "no interface has"},
    {"allow ip from any to any via e*0", "e*0", "only at its end"},
    {"allow ip from any to any via sixteencharacter", "sixteencharacter", "at most 15"},
    {"allow ip from any to any via a\"b", "a\"b", "interface name"},
    {"allow ip from any to any in xmit eth0", "xmit", "no outgoing interface"},
    {"allow ip from any to any xmit eth0 in", "in", "incoming packet"},
    {"allow ip from any to any in out", "out", "both"},
    {"allow udp from any to any setup", "setup", "another protocol"},
    {"allow udp from any to any established", "established", "another protocol"},
    {"allow tcp from any to any icmptypes 8", "icmptypes", "another protocol"},
    {"allow ip from any to any 80 icmptypes 8", "icmptypes", "has ports"},
    {"allow icmp from any to any icmptypes 256", "256", "ICMP type"},
    {"allow tcp from any to any tcpflags syn,bogus", "bogus", "TCP flag"},
    {"allow tcp from any to any tcpflags syn,!syn", "!syn", "twice"},
    {"allow ip from any to any iplen 65536", "65536", "length"},
    {"allow ip from any to any iplen 9-8", "9-8", "length"},
    {"allow tcp from any to any proto udp", "udp", "another protocol"},
    {"200 skipto 200 ip from any to any", "200", "forward only"},
    {"200 skipto 100 ip from any to any", "100", "forward only"},
    {"skipto x ip from any to any", "x", "expected the number"},
};

START_TEST(good_rules_are_understood)
{
    enum rule_result result = ipfw_parse(good[_i], &rule, &error);

    ck_assert_msg(result == RULE_OK, "'%s' refused: %s", good[_i], error.message);
}
END_TEST

START_TEST(bad_rules_name_the_word)
{
    enum rule_result result = ipfw_parse(bad[_i].rule, &rule, &error);
    char word[256] = "";

    ck_assert_msg(result == RULE_BAD, "'%s' was taken", bad[_i].rule);
    ck_assert_uint_le(error.offset + error.length, strlen(bad[_i].rule));
    ck_assert_uint_lt(error.length, sizeof(word));
    memcpy(word, bad[_i].rule + error.offset, error.length);
    ck_assert_msg(!strcmp(word, bad[_i].word), "'%s': blames '%s', not '%s' (%s)", bad[_i].rule,
                  word, bad[_i].word, error.message);
    ck_assert_msg(strstr(error.message, bad[_i].message), "'%s': says '%s', not '%s'", bad[_i].rule,
                  error.message, bad[_i].message);
}
END_TEST

START_TEST(lines_without_a_rule_are_empty)
{
    static const char *const lines[] = {"", "   \t", "# x", "// y"};

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        ck_assert_msg(ipfw_parse(lines[i], &rule, &error) == RULE_EMPTY, "'%s' is not empty",
                      lines[i]);
}
END_TEST

START_TEST(every_part_of_a_rule_is_kept)
{
    const struct rule_clause *clause;

    ck_assert_int_eq(ipfw_parse("700 divert 8000 tcp from not 10.9.8.7/8,me 1-5 to any 80,443 "
                                "in recv eth0 setup // web",
                                &rule, &error),
                     RULE_OK);
    ck_assert_uint_eq(rule.number, 700);
    ck_assert_int_eq(rule.action, RULE_DIVERT);
    ck_assert_uint_eq(rule.argument, 8000);
    ck_assert_int_eq(rule_proto(&rule), IPPROTO_TCP);
    ck_assert_str_eq(rule.text,
                     "divert 8000 tcp from not 10.9.8.7/8,me 1-5 to any 80,443 in recv eth0 setup");
    clause = rule_clause(&rule, CLAUSE_SRC);
    ck_assert(clause->negated && clause->count == 2);
    ck_assert_mem_eq(rule.atoms[clause->first].addr.bytes, "\x0a\0\0\0", 4);
    ck_assert_int_eq(rule.atoms[clause->first].addr.prefix, 8);
    ck_assert_int_eq(rule.atoms[clause->first + 1].addr.kind, ADDR_ME);
    clause = rule_clause(&rule, CLAUSE_SPORT);
    ck_assert_uint_eq(rule.atoms[clause->first].range.hi, 5);
    clause = rule_clause(&rule, CLAUSE_DPORT);
    ck_assert_uint_eq(rule.atoms[clause->first + 1].range.lo, 443);
    clause = rule_clause(&rule, CLAUSE_RECV);
    ck_assert_str_eq(rule.atoms[clause->first].ifname, "eth0");
    clause = rule_clause(&rule, CLAUSE_TCPFLAGS);
    ck_assert_int_eq(rule.atoms[clause->first].flags.mask, TH_SYN | TH_ACK);
    ck_assert_int_eq(rule.atoms[clause->first].flags.value, TH_SYN);
}
END_TEST

/* The alternatives of a rule, with a bar after each. */
static const char *alternatives_of(const char *text)
{
    static char all[512];
    static struct alternatives found;
    size_t at = 0;

    if (!alternatives_read(text, &found, &error))
        return error.message;
    for (unsigned i = 0; i < found.rules; i++) {
        char chosen[128];

        strcpy(chosen, text);
        alternatives_choose(&found, i, chosen);
        ck_assert_int_eq(ipfw_parse(chosen, &rule, &error), RULE_OK);
        at += (size_t)snprintf(all + at, sizeof(all) - at, "%s|", rule.text);
    }
    return all;
}

START_TEST(alternatives_stand_for_several_rules)
{
    ck_assert_str_eq(alternatives_of("deny ip from any to any // { no block }"),
                     "deny ip from any to any|");
    ck_assert_str_eq(alternatives_of("deny {tcp OR udp} from any to { me or 10.0.0.1 } 53"),
                     "deny tcp from any to me 53|deny tcp from any to 10.0.0.1 53|"
                     "deny udp from any to me 53|deny udp from any to 10.0.0.1 53|");
    ck_assert_str_eq(alternatives_of("deny { ip } from any to any { in or not via em0 }"),
                     "deny ip from any to any in|deny ip from any to any not via em0|");
    ck_assert_str_eq(
        alternatives_of("deny ip from ( 10.0.0.0/24{1,5} or me ) to { table(1) or me }"),
        "deny ip from 10.0.0.0/24{1,5} to table(1)|deny ip from 10.0.0.0/24{1,5} to me|"
        "deny ip from me to table(1)|deny ip from me to me|");
    ck_assert_str_eq(alternatives_of("deny ( tcp or {udp} )"), "'{': no braces within braces");
    ck_assert_str_eq(alternatives_of("deny ( tcp or udp }"), "'(': expected ')' to close it");
    ck_assert_str_eq(alternatives_of("deny { tcp or"), "'{': expected '}' to close it");
    ck_assert_str_eq(alternatives_of("deny { tcp or } from"),
                     "'{ }': expected something on both sides of 'or'");
    ck_assert_str_eq(alternatives_of("deny { { tcp } }"), "'{': no braces within braces");
    ck_assert_str_eq(alternatives_of("deny ip from { 1.1.1.1 or 1.1.1.2 or 1.1.1.3 or 1.1.1.4 } to "
                                     "{ 1.1.1.1 or 1.1.1.2 or 1.1.1.3 or 1.1.1.4 } { in or out } "
                                     "{ frag or not frag }"),
                     "'{': the rule stands for more than 32; write fewer alternatives");
}
END_TEST

START_TEST(lo0_is_lo)
{
    ck_assert_int_eq(ipfw_parse("allow ip from any to any via lo0", &rule, &error), RULE_OK);
    ck_assert_str_eq(rule.atoms[rule_clause(&rule, CLAUSE_VIA)->first].ifname, "lo");
    ck_assert_int_eq(ipfw_parse("allow ip from any to any via lo00", &rule, &error), RULE_OK);
    ck_assert_str_eq(rule.atoms[rule_clause(&rule, CLAUSE_VIA)->first].ifname, "lo00");
}
END_TEST

START_TEST(not_before_an_option_is_not_about_ports)
{
    ck_assert_int_eq(ipfw_parse("allow tcp from any to any not diverted", &rule, &error), RULE_OK);
    ck_assert_ptr_null(rule_clause(&rule, CLAUSE_DPORT));
    ck_assert(rule_clause(&rule, CLAUSE_DIVERTED)->negated);
    ck_assert_int_eq(ipfw_parse("allow tcp from any to any not 80", &rule, &error), RULE_OK);
    ck_assert(rule_clause(&rule, CLAUSE_DPORT)->negated);
}
END_TEST

static unsigned int add(struct ruleset *set, const char *text)
{
    ck_assert_msg(ipfw_parse(text, &rule, &error) == RULE_OK, "'%s': %s", text, error.message);
    return ruleset_add(set, &rule);
}

START_TEST(numbers_step_by_a_hundred_and_order_the_rules)
{
    struct ruleset set = {0};

    ck_assert_uint_eq(add(&set, "count ip from any to any"), 100);
    ck_assert_uint_eq(add(&set, "50 deny ip from any to any"), 50);
    ck_assert_uint_eq(add(&set, "allow ip from any to any"), 200);
    ck_assert_uint_eq(add(&set, "100 deny ip from any to any"), 100);
    ck_assert_uint_eq(add(&set, "65500 deny ip from any to any"), 65500);
    ck_assert_uint_eq(add(&set, "allow ip from any to any"), 65500);
    ck_assert_uint_eq(add(&set, "skipto 65500 ip from any to any"), 0);
    ck_assert_uint_eq(set.count, 6);
    ck_assert_uint_eq(set.rules[0]->number, 50);
    ck_assert_int_eq(set.rules[1]->action, RULE_COUNT);
    ck_assert_int_eq(set.rules[2]->action, RULE_DENY);
    ck_assert_int_eq(set.rules[5]->action, RULE_ALLOW);
    ruleset_free(&set);
}
END_TEST

START_TEST(default_rule_stays_the_last)
{
    struct ruleset set = {0};

    ck_assert_uint_eq(add(&set, "65535 set 31 deny ip from any to any"), 1);
    ck_assert_uint_eq(set.rules[0]->set, 31);
    ck_assert_uint_eq(add(&set, "count ip from any to any"), 100);
    ck_assert_uint_eq(add(&set, "65532 count ip from any to any"), 65532);
    ck_assert_uint_eq(set.rules[2]->number, 65534);
    ck_assert_uint_eq(set.rules[2]->set, 31);
    ck_assert(set.rules[2]->is_default && set.rules[2]->action == RULE_DENY);
    ck_assert_uint_eq(add(&set, "65534 count ip from any to any"), 0);
    ck_assert_uint_eq(add(&set, "65535 allow ip from any to any"), 65534);
    ck_assert_uint_eq(set.count, 3);
    ck_assert_int_eq(set.rules[2]->action, RULE_ALLOW);
    ruleset_free(&set);
    ck_assert_uint_eq(add(&set, "65534 count ip from any to any"), 65534);
    ck_assert_uint_eq(add(&set, "65535 deny ip from any to any"), 0);
    ruleset_free(&set);
}
END_TEST

/* Exceeds every limit. */
START_TEST(limits_are_errors)
{
    char *text = calloc(1, 100000);

    strcpy(text, "allow ip from any to any");
    for (int i = 0; i < 100; i++)
        strcat(text, " frag");
    ck_assert_int_eq(ipfw_parse(text, &rule, &error), RULE_BAD);
    ck_assert(strstr(error.message, "at most"));
    strcpy(text, "allow tcp from any to any 1");
    for (int i = 0; i < 300; i++)
        strcat(text, ", 2");
    ck_assert_int_eq(ipfw_parse(text, &rule, &error), RULE_BAD);
    ck_assert(strstr(error.message, "at most"));
    memset(text, 'a', 90000);
    ck_assert_int_eq(ipfw_parse(text, &rule, &error), RULE_BAD);
    ck_assert(strstr(error.message, "too long"));
    memset(text, ' ', 90000);
    memcpy(text, "allow ip from", 13);
    memcpy(text + 80000, "any to any", 11);
    ck_assert_int_eq(ipfw_parse(text, &rule, &error), RULE_BAD);
    ck_assert(strstr(error.message, "longer than"));
    free(text);
}
END_TEST

START_TEST(nothing_of_an_earlier_rule_is_left)
{
    memset(&rule, 0xbe, sizeof(rule));
    ck_assert_int_eq(ipfw_parse("allow log ip from any to any", &rule, &error), RULE_OK);
    ck_assert_uint_eq(rule.number, 0);
    ck_assert_uint_eq(rule.pf_rule, 0);
    ck_assert_uint_eq(rule.tag_bit, 0);
    ck_assert_uint_eq(rule.log_amount, 0);
    ck_assert_uint_eq(rule.state.limit_group, 0);
}
END_TEST

/*
 * Every prefix of a rule, and every rule with one character changed: there is a result, and an
 * error position inside the text.
 */
START_TEST(damaged_rules_do_no_harm)
{
    char text[512];

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        for (size_t at = 0; at < strlen(good[i]); at++)
            for (int c = 0; c < 256; c += 3) {
                strcpy(text, good[i]);
                text[at] = (char)c;
                if (ipfw_parse(text, &rule, &error) == RULE_BAD)
                    ck_assert_uint_le(error.offset + error.length, strlen(text));
            }
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("rules", NULL, NULL, 60);

    runner_add(&runner, good_rules_are_understood, sizeof(good) / sizeof(*good));
    runner_add(&runner, bad_rules_name_the_word, sizeof(bad) / sizeof(*bad));
    runner_add(&runner, lines_without_a_rule_are_empty, 1);
    runner_add(&runner, every_part_of_a_rule_is_kept, 1);
    runner_add(&runner, not_before_an_option_is_not_about_ports, 1);
    runner_add(&runner, numbers_step_by_a_hundred_and_order_the_rules, 1);
    runner_add(&runner, default_rule_stays_the_last, 1);
    runner_add(&runner, alternatives_stand_for_several_rules, 1);
    runner_add(&runner, lo0_is_lo, 1);
    runner_add(&runner, limits_are_errors, 1);
    runner_add(&runner, nothing_of_an_earlier_rule_is_left, 1);
    runner_add(&runner, damaged_rules_do_no_harm, 1);
    return runner_run(&runner);
}
