/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of each back end for the words of rules. */
#include "firewall_text.h"
#include "pf/pf.h"
#include "rule/packet_tags.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

START_TEST(iptables_text_of_a_divert_rule)
{
    static const char expected[] =
        "*raw\n"
        ":divert-ab12-in - [0:0]\n"
        ":divert-ab12-in-tag - [0:0]\n"
        ":divert-ab12-in-d100 - [0:0]\n"
        ":divert-ab12-in-x1 - [0:0]\n"
        "-A divert-ab12-in -m mark --mark 0x1/0x0 -m socket\n"
        "-A divert-ab12-in -m mark ! --mark 0x0/0xffff0000 -g divert-ab12-in-tag\n"
        "# 100 divert 8668 ip from any to any in via eth0\n"
        "-A divert-ab12-in -i eth0 -j divert-ab12-in-x1\n"
        "-A divert-ab12-in-tag -m mark --mark 0xffff0000/0xffff0000 -j MARK --set-xmark "
        "0x0/0xffff0000\n"
        "-A divert-ab12-in-tag -j divert-ab12-in-d100\n"
        "-A divert-ab12-in-tag -m bpf --bytecode \"5,32 0 0 4294963220,84 0 0 4294901760,53 0 1 "
        "6619136,6 0 0 65535,6 0 0 0\" -j RETURN\n"
        "-A divert-ab12-in-tag -j MARK --set-xmark 0x0/0xffff0000\n"
        "-A divert-ab12-in-d100 -m bpf --bytecode \"5,32 0 0 4294963220,84 0 0 4294901760,53 0 1 "
        "6553600,6 0 0 65535,6 0 0 0\" -j RETURN\n"
        "# 100 divert 8668 ip from any to any in via eth0\n"
        "-A divert-ab12-in-d100 -i eth0 -j divert-ab12-in-x1\n"
        "-A divert-ab12-in-x1 -j MARK --set-xmark 0x640000/0xffff0000\n"
        "-A divert-ab12-in-x1 -j NFQUEUE --queue-num 8668\n"
        "-I PREROUTING 1 -m comment --comment \"divert-run pid=1 start=2 pidns=3\" -j "
        "divert-ab12-in\n"
        "COMMIT\n"
        "*mangle\n"
        ":divert-ab12-out - [0:0]\n"
        ":divert-ab12-out-tag - [0:0]\n"
        "-A divert-ab12-out -m mark ! --mark 0x0/0xffff0000 -g divert-ab12-out-tag\n"
        "-A divert-ab12-out-tag -m mark --mark 0xffff0000/0xffff0000 -j MARK --set-xmark "
        "0x0/0xffff0000\n"
        "-A divert-ab12-out-tag -m mark --mark 0xfffd0000/0xffff0000 -j MARK --set-xmark "
        "0x0/0xffff0000\n"
        "-A divert-ab12-out-tag -m bpf --bytecode \"5,32 0 0 4294963220,84 0 0 4294901760,53 0 1 "
        "6619136,6 0 0 65535,6 0 0 0\" -j RETURN\n"
        "-A divert-ab12-out-tag -j MARK --set-xmark 0x0/0xffff0000\n"
        "-I POSTROUTING 1 -m comment --comment \"divert-run pid=1 start=2 pidns=3\" -j "
        "divert-ab12-out\n"
        "COMMIT\n";

    add("divert 8668 ip from any to any in via eth0");
    ck_assert_str_eq(generate(4), expected);
}
END_TEST

START_TEST(nft_text_of_tee_and_allow)
{
    static const char expected[] =
        "table inet divert_ab12 {\n"
        "\tchain incoming {\n"
        "\t\tmeta mark & 0xffff0000 != 0x00000000 goto incoming-tag\n"
        "\t}\n"
        "\tchain incoming-tag {\n"
        "\t\tmeta mark & 0xffff0000 == 0xffff0000 meta mark set meta mark & 0x0000ffff\n"
        "\t\tmeta mark & 0xffff0000 >= 0x00c90000 return\n"
        "\t\tmeta mark set meta mark & 0x0000ffff\n"
        "\t}\n"
        "\tchain outgoing {\n"
        "\t\tmeta mark & 0xffff0000 != 0x00000000 goto outgoing-tag\n"
        "\t\tjump outgoing-d100-200\n"
        "\t\tmeta mark & 0xffff0000 != 0x00000000 meta mark set meta mark & 0x0000ffff\n"
        "\t}\n"
        "\tchain outgoing-tag {\n"
        "\t\tmeta mark & 0xffff0000 == 0xffff0000 meta mark set meta mark & 0x0000ffff\n"
        "\t\tmeta mark & 0xffff0000 == 0xfffd0000 meta mark set meta mark & 0x0000ffff\n"
        "\t\tjump outgoing-d100-200\n"
        "\t\tmeta mark & 0xffff0000 >= 0x00c90000 return\n"
        "\t\tmeta mark set meta mark & 0x0000ffff\n"
        "\t}\n"
        "\tchain outgoing-d100-200 {\n"
        "\t\tmeta mark & 0xffff0000 >= 0x00c80000 return\n"
        "\t\tjump outgoing-d100\n"
        "\t\tjump outgoing-d200\n"
        "\t}\n"
        "\tchain outgoing-d100 {\n"
        "\t\tmeta mark & 0xffff0000 >= 0x00640000 return\n"
        "\t\t# 100 tee 9 udp from any to any 53 out\n"
        "\t\tmeta l4proto udp th dport 53 counter meta mark set meta mark & 0x0000ffff | "
        "0x00640000 log group 9 queue-threshold 1 meta mark set meta mark & 0x0000ffff | "
        "0x00630000\n"
        "\t}\n"
        "\tchain outgoing-d200 {\n"
        "\t\tmeta mark & 0xffff0000 >= 0x00c80000 return\n"
        "\t\t# 200 allow ip from 10.0.0.1,me to any out\n"
        "\t\tmeta nfproto ipv4 jump outgoing-c1\n"
        "\t\tmeta mark & 0xffff0000 >= 0x00c80000 return\n"
        "\t\tmeta nfproto ipv6 fib saddr type local counter meta mark set meta mark & 0x0000ffff | "
        "0x00c80000 return\n"
        "\t}\n"
        "\tchain outgoing-c1 {\n"
        "\t\t# 200 allow ip from 10.0.0.1,me to any out\n"
        "\t\tip saddr 10.0.0.1 goto outgoing-c2\n"
        "\t\tfib saddr type local goto outgoing-c2\n"
        "\t}\n"
        "\tchain outgoing-c2 {\n"
        "\t\t# 200 allow ip from 10.0.0.1,me to any out\n"
        "\t\tcounter meta mark set meta mark & 0x0000ffff | 0x00c80000 return\n"
        "\t}\n"
        "\tchain prerouting {\n"
        "\t\ttype filter hook prerouting priority -300; policy accept;\n"
        "\t\tjump incoming comment \"divert-run pid=1 start=2 pidns=3\"\n"
        "\t}\n"
        "\tchain postrouting {\n"
        "\t\ttype filter hook postrouting priority -150; policy accept;\n"
        "\t\tjump outgoing comment \"divert-run pid=1 start=2 pidns=3\"\n"
        "\t}\n"
        "}\n";

    add("100 tee 9 udp from any to any 53 out");
    add("200 allow ip from 10.0.0.1,me to any out");
    ck_assert_str_eq(generate(0), expected);
}
END_TEST

START_TEST(each_family_gets_what_it_can_match)
{
    add("100 deny icmp from any to any");
    add("200 deny icmp6 from any to any");
    add("300 deny ip from 10.0.0.0/8 to any");
    add("400 deny ip from not 10.0.0.0/8 to any");
    add("500 deny ip from 2001:db8::/32 to any");
    generate(4);
    has("# 100 ");
    lacks("# 200 ");
    has("-s 10.0.0.0/8 -j DROP");
    has("! -s 10.0.0.0/8 -j DROP");
    lacks("# 500 ");
    generate(6);
    lacks("# 100 ");
    has("# 200 ");
    lacks("# 300 ");
    has("-A divert-ab12-in -j DROP"); /* no IPv6 address is in 10/8 */
    has("-s 2001:db8::/32 -j DROP");
    generate(0);
    has("meta nfproto ipv4 ip saddr != 10.0.0.0/8 counter drop");
    has("meta nfproto ipv6 counter drop");
}
END_TEST

START_TEST(interfaces_stand_for_their_hook)
{
    add("divert 1 ip4 from any to any via eth0");
    add("divert 2 ip4 from any to any recv ppp*");
    add("divert 3 ip4 from any to any out xmit tun0");
    generate(4);
    has("-A divert-ab12-in -i eth0 ");
    has("-A divert-ab12-out -o eth0 ");
    has("-A divert-ab12-in -i ppp+ ");
    has("-A divert-ab12-out -i ppp+ ");
    has("-A divert-ab12-out -o tun0 ");
    lacks("-A divert-ab12-in -o");
    generate(0);
    has("iifname \"ppp*\"");
}
END_TEST

START_TEST(diverted_is_known_by_the_chain)
{
    add("100 count ip from any to any diverted out");
    add("200 deny ip from any to any not diverted out");
    generate(4);
    lacks("-A divert-ab12-out\n");
    has("-A divert-ab12-out-d100\n");
    has("-A divert-ab12-out -j DROP");
    lacks("divert-ab12-out-d200");
}
END_TEST

START_TEST(a_list_of_many_ports_is_cut_for_multiport)
{
    char rule[512] = "deny tcp from any to any 1000-1999";

    for (int port = 1; port <= 20; port++)
        snprintf(rule + strlen(rule), sizeof(rule) - strlen(rule), ",%d", port);
    add(rule);
    generate(4);
    has("--dports 1000:1999,1,2,3,4,5,6,7,8,9,10,11,12,13 ");
    has("--dports 14,15,16,17,18,19,20 ");
}
END_TEST

START_TEST(ports_without_a_protocol_are_of_tcp_and_udp)
{
    add("deny ip from any to any 53 in");
    add("deny ip from any to any not 53 out");
    generate(4);
    has("-p tcp -m tcp --dport 53 ");
    has("-p udp -m udp --dport 53 ");
    has("-p udp -m udp --dport 53 -j RETURN");
    generate(0);
    has("meta l4proto { tcp, udp } th dport 53 counter drop");
}
END_TEST

START_TEST(what_a_line_can_say_once_is_not_said_twice)
{
    add("deny ip from 10.0.0.0/8 to any src-ip 10.1.0.0/16 out recv eth0 recv eth1");
    generate(4);
    for (char *s = text.s, *line; (line = strsep(&s, "\n"));) {
        ck_assert_uint_le(occurrences(line, " -s "), 1);
        ck_assert_uint_le(occurrences(line, " -i "), 1);
    }
}
END_TEST

START_TEST(answers_and_lines_are_events)
{
    options.event_group = 7;
    add("100 reset log logamount 9 tcp from any to any in");
    add("200 count log udp from any to any in");
    add("300 unreach needfrag 1400 udp from any to any in");
    generate(4);
    has("-A divert-ab12-in-x1 -j NFLOG --nflog-group 7 --nflog-threshold 1 --nflog-prefix \"log "
        "100 "
        "9 Reset\"\n"
        "-A divert-ab12-in-x1 -j NFLOG --nflog-group 7 --nflog-threshold 1 --nflog-prefix "
        "\"answer 1 0 0\"\n"
        "-A divert-ab12-in-x1 -j DROP\n");
    has("-A divert-ab12-in -p udp -j NFLOG --nflog-group 7 --nflog-threshold 1 --nflog-prefix "
        "\"log 200 0 Count\"\n");
    has("\"answer 3 4 1400\"");
    generate(0);
    has("counter log prefix \"log 100 9 Reset\" group 7 queue-threshold 1 log prefix \"answer 1 0 "
        "0\" group 7 queue-threshold 1 drop\n");
    options.event_group = 0;
    generate(4);
    lacks("NFLOG");
    has("-A divert-ab12-in -p tcp -j DROP\n");
}
END_TEST

START_TEST(dscp_and_segment_size_are_set)
{
    options.event_group = 7;
    add("100 setdscp cs1 log udp from any to any in");
    add("200 tcp-setmss 1400 tcp from any to any out");
    generate(4);
    lacks("*raw");
    has("-A divert-ab12-in-x1 -j DSCP --set-dscp 8\n");
    has("-A divert-ab12-out-x1 -p tcp -m tcp --tcp-flags SYN SYN -m tcpmss --mss 1401:65535 -j "
        "TCPMSS --set-mss 1400\n");
    generate(0);
    has("\"log 100 0 SetDscp 8\" group 7 queue-threshold 1 ip dscp set 8\n");
    has("\"log 100 0 SetDscp 8\" group 7 queue-threshold 1 ip6 dscp set 8\n");
    has("tcp option maxseg size > 1400 tcp option maxseg size set 1400\n");
    has("hook prerouting priority -300;");
}
END_TEST

START_TEST(tags_of_packets_are_bits_of_the_mark)
{
    options.tag_mask = 0x90;
    add("100 count tag 5 udp from any to any in");
    add("200 allow untag 5 tcp from any to any in");
    add("300 count tag 7 tcp from any to any in");
    add("400 deny ip from any to any tagged 1-9 out");
    add("500 deny ip from any to any not tagged 7 out");
    add("600 divert 8 ip from any to any tagged 8 in");
    ck_assert_uint_eq(packet_tags_count(&rules), 2);
    ck_assert_ptr_eq(packet_tags_assign(&rules, 0x10), rules.rules[2]);
    ck_assert_ptr_null(packet_tags_assign(&rules, options.tag_mask));
    generate(4);
    has("-A divert-ab12-in -p udp -j MARK --set-xmark 0x10/0x10\n");
    has("-j MARK --set-xmark 0x0/0x10\n");
    has("-A divert-ab12-out -m mark ! --mark 0x0/0x90 -j DROP\n");
    has("-A divert-ab12-out -m mark --mark 0x0/0x80 -j DROP\n");
    lacks("NFQUEUE"); /* no rule sets tag 8 */
    generate(0);
    has("meta l4proto udp counter meta mark set meta mark | 0x00000010\n");
    has("meta mark & 0x00000090 != 0 counter drop\n");
    add("700 divert 9 ip from any to any in");
    generate(0);
    has("meta mark set meta mark & 0xffffff6f meta mark set meta mark & 0x0000ffff | 0x02bc0000 "
        "queue");
}
END_TEST

START_TEST(the_mask_moves_the_tag)
{
    options.mark_mask = 0x00ffff00;
    options.listeners = 4;
    add("100 divert 8000 ip from any to any out");
    generate(4);
    has("--set-xmark 0x6400/0xffff00\n");
    has("--queue-balance 8000:8003\n");
    has("84 0 0 16776960,53 0 1 25600,");
    lacks("-m socket");
    generate(0);
    has("meta mark set meta mark & 0xff0000ff | 0x00006400 queue num 8000-8003");
    ck_assert(mark_mask_valid(0x0000ffff));
    ck_assert(!mark_mask_valid(0xffffffff));
    ck_assert(!mark_mask_valid(0xff00ff00));
    ck_assert(!mark_mask_valid(0));
}
END_TEST

START_TEST(without_bpf_the_tag_is_compared_by_prefixes)
{
    options.no_bpf = options.no_defrag = true;
    add("65534 divert 8000 ip from any to any");
    add("1 count ip from any to any");
    generate(4);
    lacks("-m bpf");
    lacks("-m socket");
    has("-A divert-ab12-in-d65534 -m mark --mark 0xfffe0000/0xfffe0000 -j RETURN");
    ck_assert_uint_eq(occurrences(text_str(&text), "-A divert-ab12-in-d1 -m mark"), 16);
}
END_TEST

static void add_pf(const char *line)
{
    struct rule_error error;
    struct pf_ruleset pf = {0};

    ck_assert_msg(pf_statement(&pf, line, &error) == RULE_OK, "'%s': %s", line, error.message);
    ck_assert_msg(pf_translate(&pf, &rules, &error), "%s", error.message);
    pf_free(&pf);
}

START_TEST(rules_of_pf_stand_behind_connection_tracking)
{
    add_pf("pass out on em0 inet proto tcp from (em0) to port 80 divert-packet port 700");
    generate(4);
    lacks("*raw");
    ck_assert_uint_eq(occurrences(text_str(&text), "*mangle\n"), 1);
    ck_assert_uint_eq(occurrences(text_str(&text), "COMMIT\n"), 1);
    has("-A divert-ab12-out -p tcp -o em0 -m addrtype --src-type LOCAL --limit-iface-out -m tcp "
        "--dport 80 -m conntrack --ctstate ESTABLISHED --ctdir ORIGINAL -j divert-ab12-out-x1\n");
    has("-A divert-ab12-in -p tcp -i em0 -m addrtype --dst-type LOCAL --limit-iface-in -m tcp "
        "--sport 80 -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j divert-ab12-in-x1\n");
    has("-A divert-ab12-out -p tcp -o em0 -m addrtype --src-type LOCAL --limit-iface-out -m tcp "
        "--dport 80 -m tcp --tcp-flags SYN,ACK SYN -j divert-ab12-out-x2\n");
    has("-I PREROUTING 1 ");
    has("-I POSTROUTING 1 ");
    generate(0);
    has("type filter hook prerouting priority -150;");
    has("oifname \"em0\" fib saddr . oif type local th dport 80 ct state established ct direction "
        "original counter");
    has("iifname \"em0\" fib daddr . iif type local th sport 80 ct state established ct direction "
        "reply counter");
}
END_TEST

START_TEST(rules_of_pf_without_state_stand_before_it)
{
    add_pf("pass in on em0 inet divert-packet port 700 no state");
    generate(4);
    has("*raw\n");
    lacks("conntrack");
    generate(0);
    has("type filter hook prerouting priority -300;");
    lacks("ct state");
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("backends", firewall_setup, firewall_teardown, 0);

    runner_add(&runner, iptables_text_of_a_divert_rule, 1);
    runner_add(&runner, nft_text_of_tee_and_allow, 1);
    runner_add(&runner, each_family_gets_what_it_can_match, 1);
    runner_add(&runner, interfaces_stand_for_their_hook, 1);
    runner_add(&runner, diverted_is_known_by_the_chain, 1);
    runner_add(&runner, a_list_of_many_ports_is_cut_for_multiport, 1);
    runner_add(&runner, ports_without_a_protocol_are_of_tcp_and_udp, 1);
    runner_add(&runner, what_a_line_can_say_once_is_not_said_twice, 1);
    runner_add(&runner, answers_and_lines_are_events, 1);
    runner_add(&runner, dscp_and_segment_size_are_set, 1);
    runner_add(&runner, tags_of_packets_are_bits_of_the_mark, 1);
    runner_add(&runner, the_mask_moves_the_tag, 1);
    runner_add(&runner, without_bpf_the_tag_is_compared_by_prefixes, 1);
    runner_add(&runner, rules_of_pf_stand_behind_connection_tracking, 1);
    runner_add(&runner, rules_of_pf_without_state_stand_before_it, 1);
    return runner_run(&runner);
}
