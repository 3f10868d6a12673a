/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of pf: what is accepted, and the exact message for what is not. */
#include "pf/pf.h"
#include "runner.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pf_ruleset pf;
static struct rule_error error;

/* In place of the resolver: one name. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    static struct sockaddr_in four = {.sin_family = AF_INET};
    static struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    static struct addrinfo second = {.ai_addr = (struct sockaddr *)&six};
    static struct addrinfo first = {.ai_addr = (struct sockaddr *)&four};

    (void)service;
    if (strcmp(name, "www.example.org") != 0)
        return EAI_NONAME;
    inet_pton(AF_INET, "192.0.2.80", &four.sin_addr);
    inet_pton(AF_INET6, "2001:db8::80", &six.sin6_addr);
    first.ai_next = hints->ai_family == AF_UNSPEC ? &second : NULL;
    *found = hints->ai_family == AF_INET6 ? &second : &first;
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    (void)found;
}

/* Parses one statement; its rules are then in pf. */
static enum rule_result parse(const char *text)
{
    pf_free(&pf);
    return pf_statement(&pf, text, &error);
}

static const char *const good[] = {
    "pass",
    "pass all",
    "block drop in log quick on em0 all",
    "pass out on em0 inet proto tcp to port 80 divert-packet port 700",
    "pass out on em0 divert-packet port natd keep state",
    "pass in quick proto tcp from {10.0.0.1,1.2.3.4} port 443 flags SA/SA divert-packet port 9",
    "pass on { em0 em1, ! lo } all # comment",
    "pass on any inet6 proto ipv6-icmp icmp6-type { echoreq neighbrsol, 135 }",
    "pass inet proto icmp all icmp-type 8 no state",
    "pass proto { tcp, udp } from any port { 1024:65535, != 2000 } to ! 10/8 port domain",
    "pass proto tcp to 192.168/16 port <= 1023",
    "pass proto tcp to { 10.0.0.0/8 ! 10.1.0.0/16 fe80::1 2001:db8::/32 } port 10 >< 20",
    "pass proto udp to port 10<>20",
    "pass from self to any",
    "pass proto tcp from port ssh to port { 1, 2 }",
    "pass in on em0 to (em0)",
    "pass proto 47 from any to 1.2.3.4/0",
    "pass proto tcp flags any",
    "pass flags /SFRA no state",
    "block#comment",
    "block return-icmp6 (port-unr) in quick log (all, to pflog1) on ! egress",
    "block return-icmp (3, noroute-unr)",
    "block return-rst (ttl 4) in proto tcp",
    "match out on em0 scrub (max-mss 1440, no-df, random-id, reassemble tcp)",
    "scrub in on em0 all fragment reassemble max-mss 1400",
    "no scrub in on lo0",
    "pass from <t> to ! <u> label \"$proto from $srcaddr\" tag T",
    "pass from { 10.0.0.1 - 10.0.0.9, { 10.1/16 , <t> } } to self",
    "pass in from { urpf-failed, no-route 10/8 } to no-route",
    "pass proto icmp icmp-type { unreach code needfrag, 11 code 0 echoreq }",
    "pass out proto { tcp udp } user { root, >= 1000, 5 >< 9 } group != root",
    "pass proto tcp flags SE/SAEW modulate state (max 10, tcp.established 60, if-bound)",
    "pass keep state (max-src-conn-rate 15/5, overload <t> flush global)",
    "pass in synproxy state (source-track rule, sloppy) queue (a, b) prio 3 set (tos 4)",
    "pass out on em0 received-on { em1 em2 } ! tagged T tos lowdelay allow-opts no state",
    "block in probability 12.5 % fragment",
    "set skip on { lo0, tun }",
    "set limit { states 1000, frags 10 }",
    "table <t> persist const { 10/8, !10.1/16 }",
    "table <t>",
    "antispoof log quick for { lo0, (lo) } inet label x",
    "anchor \"a/*\" out on em0 proto tcp from any to port 80",
    "rdr-anchor \"ftp-proxy/*\"",
    "queue std on em0 bandwidth 100M default",
    "include \"/etc/pf.more\"",
    "name = \"{ 1, 2 }\"",
    "pass divert-to 127.0.0.1 port 700",
    "pass inet6 from www.example.org",
    "\tpass\tin\n",
};

/* The rule, the word that its error is about, and all that is said. */
static const struct {
    const char *rule, *word, *message;
} bad[] = {
    {"pas in", "pas",
     "'pas': expected a rule (pass, block, match) or another statement of pf.conf (set, table, "
     "antispoof, anchor, include, name = value)"},
    {"PASS in", "PASS",
     "'PASS': expected a rule (pass, block, match) or another statement of pf.conf (set, table, "
     "antispoof, anchor, include, name = value)"},
    {"pass in out", "out",
     "'out': does not belong here; the order is in or out, log, quick, on, inet or inet6, proto, "
     "from, to, and then the options"},
    {"pass on", "", "expected an interface at the end of the rule"},
    {"pass on ! { em0 }", "{", "'{': expected the name of an interface, at most 15 characters"},
    {"pass on { em0, em1", "", "expected '}' at the end of the rule"},
    {"pass on { em0,, em1 }", ",", "',': expected something before it"},
    {"pass on { }", "}", "'}': expected something before it"},
    {"pass on { em0, }", "}", "'}': expected something before it"},
    {"pass on sixteencharacter", "sixteencharacter",
     "'sixteencharacter': expected the name of an interface, at most 15 characters"},
    {"pass on em*", "em*", "'em*': expected the name of an interface, at most 15 characters"},
    {"pass on ! any", "any", "'any': '! any' matches nothing"},
    {"pass on rdomain 1", "rdomain",
     "'rdomain': routing domains are network namespaces here; run a divert-run in each (ip netns "
     "exec)"},
    {"pass proto", "", "expected a protocol at the end of the rule"},
    {"pass proto tpc", "tpc",
     "'tpc': expected a protocol: tcp, udp, icmp, icmp6, another name of /etc/protocols or a "
     "number"},
    {"pass inet proto icmp6", "icmp6", "'icmp6': is not a protocol of inet"},
    {"pass inet6 proto { tcp icmp }", "icmp", "'icmp': is not a protocol of inet6"},
    {"pass from", "", "expected an address at the end of the rule"},
    {"pass from ! any", "any", "'any': '! any' matches nothing"},
    {"pass from ! { 10.0.0.1 }", "{", "'{': expected an address"},
    {"pass from 10.0.0.0/33", "10.0.0.0/33",
     "'10.0.0.0/33': expected a prefix length after the address"},
    {"pass from 10.0.0.0/255.0.0.0", "10.0.0.0/255.0.0.0",
     "'10.0.0.0/255.0.0.0': expected a prefix length after the address"},
    {"pass on em0 to (em0", "", "expected ')' at the end of the rule"},
    {"pass inet from fe80::1", "fe80::1", "'fe80::1': an address of IPv6 in a rule for inet"},
    {"pass inet6 to 10.0.0.1", "10.0.0.1", "'10.0.0.1': an address of IPv4 in a rule for inet6"},
    {"pass from 10.0.0.1 to fe80::1", "", "the rule is from one family of addresses to the other"},
    {"pass from any port 80", "port",
     "'port': only tcp and udp have ports; expected 'proto tcp', 'proto udp' or 'proto { tcp, udp "
     "}' before it"},
    {"pass proto { tcp icmp } to port 80", "port",
     "'port': only tcp and udp have ports; expected 'proto tcp', 'proto udp' or 'proto { tcp, udp "
     "}' before it"},
    {"pass proto tcp to port", "", "expected a port at the end of the rule"},
    {"pass proto tcp to port 65536", "65536",
     "'65536': expected a port: 0 to 65535, a range 1000:2000 or a name of /etc/services"},
    {"pass proto tcp to port 1:2:3", "1:2:3",
     "'1:2:3': expected a port: 0 to 65535, a range 1000:2000 or a name of /etc/services"},
    {"pass proto tcp to port 90:80", "90:80", "'90:80': the range ends before it begins"},
    {"pass proto tcp to port 90 >< 80", "80", "'80': the range ends before it begins"},
    {"pass proto tcp to port 80 >< 81", "81", "'81': no port lies between the two"},
    {"pass proto tcp to port < 0", "0", "'0': no port is below that"},
    {"pass proto tcp to port > 65535", "65535", "'65535': no port is above that"},
    {"pass proto udp flags S/SA", "flags", "'flags': the rule is about another protocol than tcp"},
    {"pass proto tcp flags", "", "expected TCP flags at the end of the rule"},
    {"pass proto tcp flags S", "S", "'S': expected 'any', or flags out of others, such as S/SA"},
    {"pass proto tcp flags S/SX", "S/SX",
     "'S/SX': expected 'any', or TCP flags out of others, of F, S, R, P, A, U, E and W, such as "
     "S/SA"},
    {"pass proto tcp flags S/A", "S/A", "'S/A': each flag before '/' must be after it, too"},
    {"pass proto tcp flags any flags any", "flags", "'flags': given twice"},
    {"pass icmp-type 8", "icmp-type", "'icmp-type': expected 'proto icmp' before it"},
    {"pass proto icmp6 icmp-type 8", "icmp-type", "'icmp-type': expected 'proto icmp' before it"},
    {"pass proto { icmp tcp } icmp-type 8", "icmp-type",
     "'icmp-type': expected 'proto icmp' before it"},
    {"pass proto icmp6 icmp6-type nothing", "nothing",
     "'nothing': expected an ICMP type: a number to 255 or a name of pf's"},
    {"pass no", "", "expected 'state' at the end of the rule"},
    {"block keep state", "keep", "'keep': blocked packets have no state"},
    {"block divert-packet port 700", "divert-packet",
     "'divert-packet': only pass rules divert; expected 'pass'"},
    {"pass divert-packet", "", "expected 'port' at the end of the rule"},
    {"pass divert-packet 700", "700", "'700': expected 'port'"},
    {"pass divert-packet port 0", "0", "'0': a divert port is a number from 1 to 65535"},
    {"pass divert-packet port 70000", "70000",
     "'70000': a divert port is a number from 1 to 65535"},
    {"pass divert-packet port nosuchport", "nosuchport",
     "'nosuchport': expected a divert port: 1 to 65535 or a name of /etc/services"},
    {"pass divert-packet port 7 divert-packet port 8", "divert-packet",
     "'divert-packet': given twice"},
    {"ether pass in", "ether", "'ether': use nft's bridge family for frames"},
    {"pass nat-to em0", "nat-to",
     "'nat-to': addresses are translated by the kernel: put \"chain postrouting { type nat hook "
     "postrouting priority srcnat; masquerade }\" in a table of your own, and leave this line out"},
    {"match out on em0 inet nat-to 192.0.2.1", "nat-to",
     "'nat-to': addresses are translated by the kernel: put \"chain postrouting { type nat hook "
     "postrouting priority srcnat; oifname \"em0\" snat ip to 192.0.2.1 }\" in a table of your "
     "own, "
     "and leave this line out"},
    {"pass in inet6 proto udp to port 53 rdr-to fd00::1 port 5353", "rdr-to",
     "'rdr-to': addresses are translated by the kernel: put \"chain prerouting { type nat hook "
     "prerouting priority dstnat; udp dport 53 dnat ip6 to [fd00::1]:5353 }\" in a table of your "
     "own, and leave this line out"},
    {"pass in on em0 route-to (em1 10.0.0.1)", "route-to",
     "'route-to': packets are routed by the kernel: ip rule add ... lookup TABLE, ip route add "
     "default via GATEWAY table TABLE"},
    {"pass in divert-reply", "divert-reply",
     "'divert-reply': is for transparent proxies; they use TPROXY here: nft (tproxy to :PORT) and "
     "a "
     "socket with IP_TRANSPARENT"},
    {"pass in inet af-to inet6 from fd00::1", "af-to",
     "'af-to': other programs translate between the families: run Jool or tayga"},
    {"pass once", "once",
     "'once': a rule stays until the end; remove it by starting divert-run again"},
    {"pass max-pkt-rate 100/10", "max-pkt-rate",
     "'max-pkt-rate': limit rates with nft (limit rate over N/second drop)"},
    {"pass rtable 1", "rtable",
     "'rtable': packets are routed by the kernel: ip rule add ... lookup TABLE"},
    {"pass dnpipe 1", "dnpipe",
     "'dnpipe': bandwidth is limited by tc (tc qdisc add dev IF root tbf)"},
    {"pass dnqueue 1", "dnqueue",
     "'dnqueue': bandwidth is shared by tc (tc qdisc add dev IF root fq_codel)"},
    {"block from any os Windows", "os",
     "'os': operating systems are recognised by nft (osf name) or iptables (-m osf)"},
    {"pass from route lan", "route",
     "'route': there are no route labels; give the routes a realm (ip route ... realm N) and "
     "match it with nft"},
    {"pass to urpf-failed", "urpf-failed",
     "'urpf-failed': is about the source; expected after 'from'"},
    {"pass from nowhere.example.org", "nowhere.example.org",
     "'nowhere.example.org': expected an address, a network, any, self, a table, or the name of an "
     "interface or host that can be looked up now"},
    {"pass from lo:nothing", "lo:nothing",
     "'lo:nothing': expected :network, :broadcast, :peer or :0 after an interface"},
    {"pass from 10.0.0.9 - 10.0.0.1", "10.0.0.1", "'10.0.0.1': the range ends before it begins"},
    {"pass from 10.0.0.9 - fe80::1", "fe80::1",
     "'fe80::1': expected an address of the same family as the first"},
    {"pass from <t", "", "expected '>' at the end of the rule"},
    {"table <t> { 10.0.0.1 nowhere }", "nowhere",
     "'nowhere': expected an address, a network, self, or the name of an interface or host that "
     "can "
     "be looked up now"},
    {"table <t> file \"/nowhere/at/all\"", "\"/nowhere/at/all\"",
     "'/nowhere/at/all': No such file or directory"},
    {"set nothing", "nothing",
     "'nothing': expected a setting of pf, such as 'skip on lo' or 'block-policy return'"},
    {"antispoof em0", "em0", "'em0': expected 'for'"},
    {"}", "}", "'}': no anchor is open"},
    {"pass proto icmp icmp-type 3 code nothing", "nothing",
     "'nothing': expected an ICMP code: a number to 255 or a name of pf's for a code of this type"},
    {"pass in user root", "user",
     "'user': for incoming packets the socket is not known yet; match the port that its program "
     "has"},
    {"pass probability 20%", "",
     "'probability': is decided for each packet here, so a pass rule also needs 'no state'"},
    {"pass keep state (nothing)", "nothing", "'nothing': expected an option of states"},
    {"match divert-packet port 7", "divert-packet",
     "'divert-packet': only pass rules divert; expected 'pass'"},
    {"pass label \"a", "\"", "the quotation mark is not closed"},
    {"pass in on $ext_if", "$ext_if", "'$ext_if': this macro is not defined"},
    {"pass sideways", "sideways",
     "'sideways': expected an option (divert-packet, flags, icmp-type, icmp6-type, keep state, no "
     "state, ...)"},
    {"pass; block", "pass;",
     "'pass;': expected a rule (pass, block, match) or another statement of pf.conf (set, table, "
     "antispoof, anchor, include, name = value)"},
};

START_TEST(good_pf_rules_are_understood)
{
    enum rule_result result = parse(good[_i]);

    ck_assert_msg(result == RULE_OK, "'%s' refused: %s", good[_i], error.message);
}
END_TEST

START_TEST(bad_pf_rules_name_the_word)
{
    enum rule_result result = parse(bad[_i].rule);
    char word[256] = "";

    ck_assert_msg(result == RULE_BAD, "'%s' was taken", bad[_i].rule);
    ck_assert_uint_le(error.offset + error.length, strlen(bad[_i].rule));
    ck_assert_uint_lt(error.length, sizeof(word));
    memcpy(word, bad[_i].rule + error.offset, error.length);
    ck_assert_str_eq(word, bad[_i].word);
    ck_assert_str_eq(error.message, bad[_i].message);
}
END_TEST

START_TEST(lines_without_a_pf_rule_are_empty)
{
    static const char *const lines[] = {"", "  \t", "# pass", "   # pass\n"};

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        ck_assert_int_eq(parse(lines[i]), RULE_EMPTY);
}
END_TEST

/* Item I of the condition, in the first rule. */
static const struct pf_item *item(enum clause_kind kind, size_t i)
{
    for (size_t c = 0; c < pf.rules[0]->clause_count; c++) {
        const struct pf_clause *clause = &pf.rules[0]->clauses[c];

        if (clause->kind != kind)
            continue;
        ck_assert_uint_lt(i, clause->count);
        return &clause->items[i];
    }
    ck_abort_msg("no clause %d", kind);
}

START_TEST(every_part_of_a_pf_rule_is_kept)
{
    const struct pf_rule *rule;

    ck_assert_int_eq(parse("  pass in log quick on ! em0 inet proto udp from 10.9/16 port != 5 "
                           "to { any } port domain divert-packet port 700 no state # x"),
                     RULE_OK);
    ck_assert_uint_eq(pf.count, 1);
    rule = pf.rules[0];
    ck_assert(rule->action == PF_PASS && rule->quick && rule->stateless && rule->log);
    ck_assert_uint_eq(rule->divert_port, 700);
    ck_assert_str_eq(rule->text,
                     "pass in log quick on ! em0 inet proto udp from 10.9/16 port != 5 to { any } "
                     "port domain divert-packet port 700 no state");
    ck_assert_int_eq(item(CLAUSE_IN, 0)->kind, CLAUSE_IN);
    ck_assert_str_eq(item(CLAUSE_VIA, 0)->atoms[0].ifname, "em0");
    ck_assert(item(CLAUSE_VIA, 0)->negated);
    ck_assert_uint_eq(item(CLAUSE_FAMILY, 0)->atoms[0].range.lo, 4);
    ck_assert_uint_eq(item(CLAUSE_PROTO, 0)->atoms[0].range.lo, IPPROTO_UDP);
    ck_assert_mem_eq(item(CLAUSE_SRC, 0)->atoms[0].addr.bytes, "\x0a\x09\0\0", 4);
    ck_assert_uint_eq(item(CLAUSE_SRC, 0)->atoms[0].addr.prefix, 16);
    ck_assert_uint_eq(item(CLAUSE_SPORT, 0)->atoms[0].range.hi, 4);
    ck_assert_uint_eq(item(CLAUSE_SPORT, 0)->atoms[1].range.lo, 6);
    ck_assert_int_eq(item(CLAUSE_DST, 0)->atoms[0].addr.kind, ADDR_ANY);
    ck_assert_uint_eq(item(CLAUSE_DPORT, 0)->atoms[0].range.lo, 53);
    ck_assert_uint_eq(rule->flags.mask, 0);
}
END_TEST

/* S/SA, for rules that keep state and say nothing else. */
START_TEST(connections_begin_with_syn)
{
    ck_assert_int_eq(parse("pass"), RULE_OK);
    ck_assert_uint_eq(pf.rules[0]->flags.mask, TH_SYN | TH_ACK);
    ck_assert_uint_eq(pf.rules[0]->flags.value, TH_SYN);
    ck_assert_int_eq(parse("pass flags any"), RULE_OK);
    ck_assert_uint_eq(pf.rules[0]->flags.mask, 0);
    ck_assert_int_eq(parse("block"), RULE_OK);
    ck_assert_uint_eq(pf.rules[0]->flags.mask, 0);
    ck_assert_int_eq(parse("pass flags /FSRPAU"), RULE_OK);
    ck_assert_uint_eq(pf.rules[0]->flags.mask, 0x3f);
    ck_assert_uint_eq(pf.rules[0]->flags.value, 0);
}
END_TEST

START_TEST(lists_of_pf_have_any_length)
{
    char *text = calloc(1, 100000);

    strcpy(text, "pass from { ");
    for (int i = 0; i < 3000; i++)
        sprintf(text + strlen(text), "10.0.%d.%d ", i / 250, i % 250);
    strcat(text, "}");
    ck_assert_msg(parse(text) == RULE_OK, "%s", error.message);
    ck_assert_uint_eq(item(CLAUSE_SRC, 0)->count, 3000);
    ck_assert_str_eq(pf.rules[0]->text + strlen(pf.rules[0]->text) - 3, "...");
    memset(text, 'a', 90000);
    ck_assert_int_eq(parse(text), RULE_BAD);
    ck_assert_str_eq(error.message, "a word of 90000 characters is too long");
    free(text);
}
END_TEST

/*
 * Every rule with one character changed: there is a result, and an error position inside the text;
 * what is accepted can be translated.
 */
START_TEST(damaged_pf_rules_do_no_harm)
{
    char text[512];

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        for (size_t at = 0; at < strlen(good[i]); at++)
            for (int c = 0; c < 256; c += 5) {
                struct ruleset made = {0};

                strcpy(text, good[i]);
                text[at] = (char)c;
                switch (parse(text)) {
                case RULE_BAD:
                    ck_assert_uint_le(error.offset + error.length, strlen(text));
                    break;
                case RULE_OK:
                    ck_assert(pf.anchor_count || pf_translate(&pf, &made, &error));
                    ruleset_free(&made);
                    break;
                case RULE_EMPTY:
                    break;
                }
            }
}
END_TEST

/* The source addresses of the first rule, as text. */
START_TEST(names_of_hosts_are_looked_up)
{
    ck_assert_int_eq(parse("pass from www.example.org"), RULE_OK);
    ck_assert_uint_eq(item(CLAUSE_SRC, 0)->count, 2);
    ck_assert_mem_eq(item(CLAUSE_SRC, 0)->atoms[0].addr.bytes, "\xc0\0\x02\x50", 4);
    ck_assert_int_eq(item(CLAUSE_SRC, 0)->atoms[1].addr.kind, ADDR_NET6);
    ck_assert_int_eq(parse("pass inet from ! www.example.org"), RULE_OK);
    ck_assert_uint_eq(item(CLAUSE_SRC, 0)->count, 1);
    ck_assert(item(CLAUSE_SRC, 0)->negated && item(CLAUSE_SRC, 0)->family == 4);
}
END_TEST

/* 10.0.0.1 to 10.0.0.9 is .1/32 .2/31 .4/30 .8/31 */
START_TEST(ranges_are_networks)
{
    static const unsigned int ends[] = {1, 2, 4, 8}, prefixes[] = {32, 31, 30, 31};

    ck_assert_int_eq(parse("pass from 10.0.0.1 - 10.0.0.9"), RULE_OK);
    ck_assert_uint_eq(item(CLAUSE_SRC, 0)->count, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(item(CLAUSE_SRC, 0)->atoms[i].addr.bytes[3], ends[i]);
        ck_assert_uint_eq(item(CLAUSE_SRC, 0)->atoms[i].addr.prefix, prefixes[i]);
    }
    ck_assert_int_eq(parse("pass from 0.0.0.0 - 255.255.255.255"), RULE_OK);
    ck_assert_uint_eq(item(CLAUSE_SRC, 0)->count, 1);
    ck_assert_uint_eq(item(CLAUSE_SRC, 0)->atoms[0].addr.prefix, 0);
}
END_TEST

/* A file, its statements, and their line numbers. */
START_TEST(statements_are_cut_as_pf_does)
{
    static const char file[] = "# comment \\\n still\n\na = \"x\n y\"\nb = $a \"$a\"\n"
                               "pass in \\\n on $a:net { 1, # one\n 2 }  # end\n"
                               "anchor \"q\" on em0 {\r\n block }\n}\npass label \"$a # {\"";
    static const struct {
        unsigned int line;
        const char *text;
    } expected[] = {
        {4, "a = \"x  y\""},
        {6, "b = x  y \"$a\""},
        {7, "pass in   on x  y:net { 1,   2 }  "},
        {10, "anchor \"q\" on em0 { "},
        {11, "block }"},
        {12, "}"},
        {13, "pass label \"$a # {\""},
    };
    struct pf_source source = {file, file, 1};
    struct text statement = {0};
    unsigned int line;

    pf_free(&pf);
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        ck_assert_int_eq(pf_source_next(&source, &pf, &statement, &line, &error), RULE_OK);
        ck_assert_str_eq(text_str(&statement), expected[i].text);
        ck_assert_uint_eq(line, expected[i].line);
        pf_statement(&pf, text_str(&statement), &error);
    }
    ck_assert_int_eq(pf_source_next(&source, &pf, &statement, &line, &error), RULE_EMPTY);
    text_free(&statement);
}
END_TEST

/* After a bad line the next one is read. */
START_TEST(bad_files_are_read_to_their_end)
{
    static const char file[] =
        "a = \"x\npass on {\npass on $c\nx = $x\ny = \"$y$y\"\npass $y\npass";
    static const char *const messages[] = {
        "the quotation mark is not closed",
        "the '{' is not closed",
        "'$c': this macro is not defined",
        "'$x': this macro is not defined",
        NULL,
        "'$y': macros are nested too deeply, or too long",
        NULL,
    };
    struct pf_source source = {file, file, 1};
    struct text statement = {0};
    unsigned int line;

    pf_free(&pf);
    for (unsigned int i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
        enum rule_result result = pf_source_next(&source, &pf, &statement, &line, &error);

        ck_assert_uint_eq(line, i + 1);
        ck_assert_int_eq(result, messages[i] ? RULE_BAD : RULE_OK);
        if (messages[i])
            ck_assert_str_eq(error.message, messages[i]);
        else
            ck_assert_int_eq(pf_statement(&pf, text_str(&statement), &error), RULE_OK);
    }
    text_free(&statement);
}
END_TEST

static const struct {
    const char *text;
    bool warning;
    const char *note;
} told[] = {
    {"pass keep state (max 10)", true, "'max': has no effect: states are not counted"},
    {"pass keep state (max-src-conn-rate 5/3, overload <b> flush)", true,
     "'max-src-conn-rate': has no effect: rates are not limited"},
    {"pass queue std", true, "'queue': has no effect"},
    {"pass set prio 3", true, "'set': has no effect"},
    {"queue std on em0 bandwidth 1M", true, "'queue': has no effect"},
    {"match scrub (no-df)", true, "'no-df': has no effect"},
    {"set timeout interval 10", false, "'set timeout': has no effect"},
    {"no nat on em0", false, "'no nat': has no effect"},
    {"anchor \"x\"", false, "'anchor': has no rules in braces"},
    {"pass user nosuchuser", true, "'nosuchuser': is not known on this host"},
    {"pass on nosuch", true, "'nosuch': there is no such interface now"},
    {"pass out user root divert-packet port 7", true, "'user': answers do not show it"},
    {"pass to no-route", false, "'to no-route': matches nothing"},
};

START_TEST(statements_without_effect_are_reported)
{
    ck_assert_int_eq(parse(told[_i].text), RULE_OK);
    ck_assert_uint_ge(pf.note_count, 1);
    ck_assert_int_eq(pf.notes[0].warning, told[_i].warning);
    ck_assert_msg(!strncmp(pf.notes[0].text, told[_i].note, strlen(told[_i].note)), "%s",
                  pf.notes[0].text);
}
END_TEST

static void teardown(void)
{
    pf_free(&pf);
}

int main(void)
{
    struct runner runner = runner_make("pf rules", NULL, teardown, 60);

    runner_add(&runner, good_pf_rules_are_understood, sizeof(good) / sizeof(*good));
    runner_add(&runner, bad_pf_rules_name_the_word, sizeof(bad) / sizeof(*bad));
    runner_add(&runner, lines_without_a_pf_rule_are_empty, 1);
    runner_add(&runner, every_part_of_a_pf_rule_is_kept, 1);
    runner_add(&runner, connections_begin_with_syn, 1);
    runner_add(&runner, lists_of_pf_have_any_length, 1);
    runner_add(&runner, damaged_pf_rules_do_no_harm, 1);
    runner_add(&runner, names_of_hosts_are_looked_up, 1);
    runner_add(&runner, ranges_are_networks, 1);
    runner_add(&runner, statements_are_cut_as_pf_does, 1);
    runner_add(&runner, bad_files_are_read_to_their_end, 1);
    runner_add(&runner, statements_without_effect_are_reported, sizeof(told) / sizeof(*told));
    return runner_run(&runner);
}
