/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the options of a rule match, on real packets. All rules divert to one port; the test writes
 * each packet back until it has met the whole list, and records the rules it was read from.
 */
#include "make_packet.h"
#include "packet/packet.h"
#include "rules.h"
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define TO_ME_PORT 3333

#ifdef WIRE_IPV6
#define LONG_LEN "548"
#define ICMP     IPPROTO_ICMPV6
#define ECHO     128
#else
#define LONG_LEN "528"
#define ICMP     IPPROTO_ICMP
#define ECHO     8
#endif

enum {
    UDP = 1,       /* 10.1.0.2:1111 to 192.0.2.2:2222, in by in0 and out by out0 */
    SYN = 2,       /* the same way, TCP, to port 80 */
    ACK = 4,       /* the same */
    PING = 8,      /* an echo request, the same way */
    LONG = 16,     /* like UDP, LONG_LEN bytes long */
    GRE = 32,      /* the same way */
    TO_ME = 64,    /* UDP to 10.1.0.1:3333, in by in0 */
    FROM_ME = 128, /* UDP from 192.0.2.1 to 192.0.2.2:53, out by out0 */

    FORWARDED = UDP | SYN | ACK | PING | LONG | GRE,
    ALL_IN = FORWARDED | TO_ME,
    ALL_OUT = FORWARDED | FROM_ME,
    PACKETS = 8
};

static const struct {
    const char *rule;
    unsigned in, out; /* the packets that it matches */
} table[] = {
    {"ip from any to any", ALL_IN, ALL_OUT},
    {"all from any to any in", ALL_IN, 0},
    {"ip from any to any out", 0, ALL_OUT},
    {"ip from any to any not in", 0, ALL_OUT},
    {"ip from any to any via in0", ALL_IN, 0},
    {"ip from any to any via out0", 0, ALL_OUT},
    {"ip from any to any via in*", ALL_IN, 0},
    {"ip from any to any not via in0", 0, ALL_OUT},
    {"ip from any to any recv in0", ALL_IN, FORWARDED},
    {"ip from any to any out recv in0", 0, FORWARDED},
    {"ip from any to any out not recv in0", 0, FROM_ME},
    {"ip from any to any recv out0", 0, 0},
    {"ip from any to any xmit out0", 0, ALL_OUT},
    {"ip from any to any recv in0 xmit out0", 0, FORWARDED},
    {"ip from any to any xmit in0", 0, 0},
    {"udp from any to any", UDP | LONG | TO_ME, UDP | LONG | FROM_ME},
    {"not udp from any to any in", SYN | ACK | PING | GRE, 0},
    {"tcp from any to any in", SYN | ACK, 0},
    {"gre from any to any in", GRE, 0},
    {"47 from any to any in", GRE, 0},
    {"ip from me to any", 0, FROM_ME},
    {"ip from any to me", TO_ME, 0},
    {"ip from any to not me in", FORWARDED, 0},
    {"ip from " IN_PEER " to any in", ALL_IN, 0},
    {"ip from any to " OUT_PEER "," IN_ADDRESS " in", ALL_IN, 0},
    {"ip from any to not " OUT_PEER "," OUT_ADDRESS " in", TO_ME, 0},
    {"ip from any to " FAR_NET, 0, 0},
    {"ip from any to " OUT_NET " in", FORWARDED, 0},
    {"ip from " IN_PEER " to " IN_ADDRESS " in", TO_ME, 0},
#ifdef WIRE_IPV6
    {"icmp6 from any to any in", PING, 0},
    {"ipv6-icmp from any to any in", PING, 0},
    {"icmp from any to any", 0, 0},
    {"ip6 from any to any in", ALL_IN, 0},
    {"ipv6 from any to any in", ALL_IN, 0},
    {"ip from any to any in ip6", ALL_IN, 0},
    {"ip4 from any to any", 0, 0},
    {"ip6 from me6 to any", 0, FROM_ME},
    {"ip6 from any to me6", TO_ME, 0},
    {"ip from any to not me6 in", FORWARDED, 0},
    {"ip6 from 2001:db8:1::/64 to any out", 0, FORWARDED},
    {"ip from not 2001:db8:1::/64 to any", 0, FROM_ME},
    {"udp from 2001:db8:1::/48 to 2001:db8::/32 2222 in", UDP | LONG, 0},
    {"icmp6 from any to any icmp6types 128 in", PING, 0},
    {"icmp6 from any to any icmp6types 1,129 in", 0, 0},
    {"ip from any to any in dst-ip6 " IN_ADDRESS " src-port 1111", TO_ME, 0},
    {"ip from any to any in flow-id 1,77", ALL_IN, 0},
    {"ip from any to any in not flow-id 78", ALL_IN, 0},
    {"ip from any to any in ext6hdr hopopt,rthdr0", 0, 0},
    {"ip from any to any in not ext6hdr frag", ALL_IN, 0},
    {"ip from any to 2001:db8:9::2/ffff:ffff:0:ffff:ffff:ffff:ffff:ffff in", FORWARDED, 0},
    {"ip from not 2001:db8:9::2/ffff:ffff:0:ffff:ffff:ffff:ffff:ffff to any in", 0, 0},
    {"ip from any to any ipsec", 0, 0},
#else
    {"icmp from any to any in", PING, 0},
    {"icmp6 from any to any", 0, 0},
    {"ip4 from any to any in", ALL_IN, 0},
    {"ip6 from any to any", 0, 0},
    {"ip from any to me6", 0, 0},
    {"ip from 10.1.0.0/24 to any out", 0, FORWARDED},
    {"ip from 10.1.0.0:255.255.255.0 to any out", 0, FORWARDED},
    {"ip from not 10.1.0.0/24 to any", 0, FROM_ME},
    {"icmp from any to any icmptypes 8 in", PING, 0},
    {"ip from any to any in ipttl 1,60-64", ALL_IN, 0},
    {"ip from any to any in not ipttl 64", 0, 0},
    {"ip from any to any out ipttl 63", 0, FORWARDED},
    {"ip from any to any in ipid 77", ALL_IN, 0},
    {"ip from any to any in iptos lowdelay", 0, 0},
    {"ip from any to any in iptos !lowdelay,!mincost", ALL_IN, 0},
    {"ip from any to any in ipprecedence 0", ALL_IN, 0},
    {"ip from any to any in ipversion 4", ALL_IN, 0},
    {"ip from any to any in ipversion 6", 0, 0},
    {"icmp from any to any icmptypes 0,3 in", 0, 0},
    {"ip from any to any in src-ip 10.1.0.2 dst-port 2222", UDP | LONG, 0},
    {"ip from any to any in dst-ip 10.1.0.1 src-port 1111", TO_ME, 0},
    {"ip from any to any in frag !mf,!offset", ALL_IN, 0},
    {"ip from any to any in frag mf", 0, 0},
    {"ip from any to any in not frag !df,!rf", 0, 0},
    {"ip from 10.0.0.2:255.0.0.255 to any in", ALL_IN, 0},
    {"ip from any to not 192.9.2.0:255.0.255.0,10.1.0.1 in", 0, 0},
    {"ip from any to 192.0.2.0/24{1, 2, 5-9} in", FORWARDED, 0},
    {"ip from 10.1.0.0/28{3-15,1},10.1.0.9 to any in", 0, 0},
    {"ip from any to any in not ipsec", ALL_IN, 0},
#endif
    {"udp from any to any 2222 in", UDP | LONG, 0},
    {"udp from any 1111 to any in", UDP | LONG | TO_ME, 0},
    {"udp from any to any 2000-3000,53", UDP | LONG, UDP | LONG | FROM_ME},
    {"udp from any to any domain", 0, FROM_ME},
    {"udp from any to any not 2222 in", TO_ME, 0},
    {"udp from any to any not 2222,3333 in", 0, 0},
    {"ip from any to any 80,2222 in", UDP | LONG | SYN | ACK, 0},
    {"tcp from any to any http in", SYN | ACK, 0},
    {"tcp from any to any setup in", SYN, 0},
    {"tcp from any to any established in", ACK, 0},
    {"tcp from any to any in tcpflags syn", SYN, 0},
    {"tcp from any to any in tcpflags ack,!syn", ACK, 0},
    {"tcp from any to any in not established", SYN, 0},
    {"ip from any to any frag", 0, 0},
    {"ip from any to any in not frag", ALL_IN, 0},
    {"ip from any to any in iplen 500-600", LONG, 0},
    {"ip from any to any in iplen " LONG_LEN, LONG, 0},
    {"ip from any to any in not iplen " LONG_LEN, ALL_IN & ~LONG, 0},
    {"ip from any to any in proto tcp", SYN | ACK, 0},
    {"{ udp or gre } from any to any in", UDP | LONG | TO_ME | GRE, 0},
    {"ip from { " IN_PEER " or me } to any", ALL_IN, ALL_OUT},
    {"tcp from any to any { setup or dst-port 81 } { in or recv out0 }", SYN, 0},
    {"in recv in0", ALL_IN, 0},
    {"not established in proto tcp", SYN, 0},
    {"ip from any to any in dscp be,ef", ALL_IN, 0},
    {"ip from any to any in dscp af11", 0, 0},
    {"ip from any to any in not dscp cs1", ALL_IN, 0},
    {"tcp from any to any in tcpseq 4000000000", SYN | ACK, 0},
    {"tcp from any to any in tcpseq 4", 0, 0},
    {"tcp from any to any in not tcpseq 4", SYN | ACK, 0},
    {"tcp from any to any in tcpack 2000", SYN | ACK, 0},
    {"tcp from any to any in tcpwin 1,2900-3000", SYN | ACK, 0},
    {"tcp from any to any in not tcpwin 3000", 0, 0},
    {"tcp from any to any in tcpmss 1000-1460", SYN, 0},
    {"tcp from any to any in not tcpmss 1000-1460", ACK, 0},
    {"tcp from any to any in tcpoptions mss,sack,!ts", SYN, 0},
    {"tcp from any to any in tcpoptions mss,!sack", 0, 0},
    {"tcp from any to any in not tcpoptions mss", ACK, 0},
    {"ip from any to any uid root", 0, FROM_ME},
    {"ip from any to any out not uid 0", 0, FORWARDED},
    {"ip from any to any uid 12345", 0, 0},
    {"ip from any to any gid 0", 0, FROM_ME},
    {"ip from any to any in verrevpath", ALL_IN, 0},
    {"ip from any to any in not verrevpath", 0, 0},
    {"ip from any to any out verrevpath", 0, ALL_OUT},
    {"ip from any to any antispoof in", ALL_IN, 0},
    {"ip from any to any not antispoof", 0, 0},
    {"ip from any to any via " IN_ADDRESS, ALL_IN, 0},
    {"ip from any to any xmit " OUT_ADDRESS, 0, ALL_OUT},
    {"ip from any to any recv any", ALL_IN, ALL_OUT},
    {"tcp from any to any in tcpdatalen 0", SYN | ACK, 0},
    {"tcp from any to any in not tcpdatalen 0-10,20", 0, 0},
    {"ip from any to any diverted-loopback", ALL_IN, 0},
    {"ip from any to any not diverted-loopback", 0, ALL_OUT},
    {"ip from any to any diverted-output", 0, ALL_OUT},
    {"ip from any to any diverted in // not the first, so it always is", ALL_IN, 0},
    {"ip from any to any not diverted", 0, 0},
};

#define RULES (sizeof(table) / sizeof(table[0]))

static unsigned met_in[RULES], met_out[RULES];

static size_t make_tcp(uint8_t *out, uint8_t flags)
{
    struct {
        struct tcphdr header;
        uint8_t options[8]; /* of a SYN: a segment size of 1460, and SACK permitted */
    } tcp = {{.th_sport = htons(1000),
              .th_dport = htons(80),
              .th_seq = htonl(4000000000),
              .th_ack = htonl(2000),
              .th_win = htons(3000),
              .th_flags = flags,
              .th_off = flags & TH_SYN ? 7 : 5},
             {2, 4, 1460 >> 8, 1460 & 0xff, 4, 2, 1, 1}};

    return make_ip(out, IPPROTO_TCP, IN_PEER, OUT_PEER, 77, &tcp, tcp.header.th_off * 4u);
}

static size_t make_packet(int kind, uint8_t *out)
{
    static const uint8_t zeros[500], echo[8] = {ECHO};

    switch (kind) {
    case UDP:
        return make_udp(out, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    case SYN:
        return make_tcp(out, TH_SYN);
    case ACK:
        return make_tcp(out, TH_ACK);
    case PING:
        return make_ip(out, ICMP, IN_PEER, OUT_PEER, 77, echo, sizeof(echo));
    case LONG:
        return make_udp(out, IN_PEER, 1111, OUT_PEER, 2222, 77, zeros, sizeof(zeros));
    case GRE:
        return make_ip(out, IPPROTO_GRE, IN_PEER, OUT_PEER, 77, zeros, 8);
    default:
        return make_udp(out, IN_PEER, 1111, IN_ADDRESS, TO_ME_PORT, 77, "x", 1);
    }
}

static void send_packet(int kind)
{
    uint8_t packet[600];

    if (kind != FROM_ME) {
        wire_send(&in0, packet, make_packet(kind, packet));
        return;
    }
    udp_send(udp_socket(0), OUT_PEER, 53, "x", 1);
}

static bool more_to_read(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 50) == 1;
}

static void follow(int fd, int kind)
{
    uint8_t got[600];
    wire_address from;

    send_packet(kind);
    while (more_to_read(fd)) {
        size_t len = divert_read(fd, got, sizeof(got), &from);
        unsigned rule = from.sin_tag / 10u - 1;

        ck_assert_uint_lt(rule, RULES);
        if (strcmp(address_text(&from), ANY) == 0)
            met_out[rule] |= (unsigned)kind;
        else
            met_in[rule] |= (unsigned)kind;
        divert_write(fd, got, len, &from);
    }
}

START_TEST(test_rules_match_what_they_say)
{
    static char text[RULES][120];
    const char *rules[RULES + 1] = {0};
    static char wrong[RULES * 200];
    size_t at = 0;
    int fd;

    for (size_t i = 0; i < RULES; i++) {
        snprintf(text[i], sizeof(text[i]), "%zu divert 8000 %s", (i + 1) * 10, table[i].rule);
        rules[i] = text[i];
    }
    udp_socket(TO_ME_PORT); /* else the host answers with an error, which meets the rules too */
    rules_hold_list(_i, rules);
    fd = divert_bound(8000);
    for (int kind = 1; kind < 1 << PACKETS; kind <<= 1)
        follow(fd, kind);
    for (size_t i = 0; i < RULES; i++) {
        if (met_in[i] == table[i].in && met_out[i] == table[i].out)
            continue;
        at += (size_t)snprintf(wrong + at, sizeof(wrong) - at,
                               "\n%s: expected in 0x%02x out 0x%02x, got in 0x%02x out 0x%02x",
                               table[i].rule, table[i].in, table[i].out, met_in[i], met_out[i]);
    }
    ck_assert_msg(at == 0, "%s", wrong);
}
END_TEST

/* Fewer than 50 or more than 150 of 200 packets pass once in 10^12 times. */
START_TEST(test_some_packets_match_by_chance)
{
    uint8_t packet[64];
    size_t len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    int passed = 0;

    rules_hold(_i, "prob 0.5 deny udp from any to any 2222 in", NULL);
    for (int i = 0; i < 200; i++)
        wire_send(&in0, packet, len);
    wire_send(&in0, packet, make_packet(GRE, packet));
    while (wire_receive(&out0, packet, sizeof(packet)) == len)
        passed++;
    ck_assert_int_gt(passed, 50);
    ck_assert_int_lt(passed, 150);
}
END_TEST

/*
 * Sends a TCP segment with that many bytes of data, and that many words of options in both headers.
 */
static void send_segment(size_t data, unsigned words)
{
    uint8_t segment[120] = {0}, packet[200];
    size_t len;

    segment[12] = (uint8_t)((5 + words) << 4);
    len = make_ip(packet, IPPROTO_TCP, IN_PEER, OUT_PEER, 77, segment, 20 + words * 4 + data);
    wire_send(&in0, packet, len);
}

static bool comes_out(void)
{
    uint8_t packet[200];
    struct pollfd p = {.fd = out0.fd, .events = POLLIN};

    return poll(&p, 1, 100) == 1 && wire_receive(&out0, packet, sizeof(packet));
}

START_TEST(test_length_of_tcp_data_is_found)
{
    static const size_t lengths[] = {0, 4, 5, 10, 11, 19, 20, 21};

    rules_hold(_i, "deny tcp from any to any tcpdatalen 5-10,20 in",
               "allow tcp from any to any not tcpdatalen 11 out", "deny tcp from any to any out",
               NULL);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t data = lengths[i];

        for (unsigned words = 0; words <= 10; words += 5) {
            send_segment(data, words);
            ck_assert_msg(comes_out() == !((data >= 5 && data <= 11) || data == 20),
                          "%zu bytes, %u words of options", data, words);
        }
    }
}
END_TEST

/* Sends packets on in0 with a source address of out0's network, and of in0's. */
START_TEST(test_spoofed_packets_are_recognised)
{
    uint8_t packet[100], got[100];
    wire_address from;
    size_t len;
    int fd;

    rules_hold(_i, "divert 8000 ip from any to any not antispoof in", NULL);
    fd = divert_bound(8000);
    udp_socket(2222);
    len = make_udp(packet, OUT_PEER, 1111, OUT_ADDRESS, 2222, 77, "x", 1);
    wire_send(&in0, packet, len);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    wire_send(&out0, packet, len);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    wire_send(&in0, packet, len);
    wire_expect(&out0, packet, len);
    ck_assert(divert_silent(fd));
}
END_TEST

/* It decides about packets that no other rule matches, and those that skip all others. */
START_TEST(test_default_rule_denies)
{
    uint8_t packet[100];
    size_t len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);

    rules_hold(_i, "65535 deny ip from any to any", "100 allow udp from any to any 2222",
               "200 skipto 65535 udp from any to any 2223", "300 allow udp from any to any",
               "400 allow ip from any to any proto icmp6", NULL);
    wire_send(&in0, packet, len);
    wire_expect(&out0, packet, len);
    wire_send(&in0, packet, make_udp(packet, IN_PEER, 1111, OUT_PEER, 2223, 77, "x", 1));
    wire_send(&in0, packet, make_packet(GRE, packet));
    wire_send(&in0, packet, make_udp(packet, IN_PEER, 1111, OUT_PEER, 2224, 77, "x", 1));
    wire_expect(&out0, packet, len);
}
END_TEST

#ifdef WIRE_IPV6
/* Does a packet with an extension header come out? */
static bool passes_with(uint8_t type, uint8_t second, uint8_t third)
{
    uint8_t packet[200], header[8] = {0, 0, third, second};
    size_t len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);

    len = insert_header(packet, len, type, header, sizeof(header));
    wire_send(&in0, packet, len);
    return comes_out();
}

START_TEST(test_extension_headers_are_found)
{
    rules_hold(_i, "deny ip from any to any ext6hdr dstopt in",
               "deny ip from any to any ext6hdr rthdr2 in", NULL);
    ck_assert(!passes_with(IPPROTO_DSTOPTS, 4, 1));
    ck_assert(passes_with(IPPROTO_HOPOPTS, 4, 1));
    ck_assert(!passes_with(IPPROTO_ROUTING, 0, 2));
    ck_assert(passes_with(IPPROTO_ROUTING, 0, 4));
}
END_TEST
#else
/* Does a packet with an IP option of that kind come out? */
static bool passes_with_option(uint8_t kind)
{
    uint8_t packet[100], moved[104];
    size_t len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    uint32_t sum = 0;

    memcpy(moved, packet, HEADER);
    memcpy(moved + HEADER, (uint8_t[]){kind, kind == 1 ? 1 : 3, kind == 1 ? 1 : 4, 0}, 4);
    memcpy(moved + HEADER + 4, packet + HEADER, len - HEADER);
    moved[0] = 0x46;
    moved[3] = (uint8_t)(moved[3] + 4);
    moved[10] = moved[11] = 0;
    for (int i = 0; i < HEADER + 4; i += 2)
        sum += (uint32_t)moved[i] << 8 | moved[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    moved[10] = (uint8_t)(sum >> 8);
    moved[11] = (uint8_t)sum;
    wire_send(&in0, moved, len + 4);
    return comes_out();
}

START_TEST(test_ip_options_are_found)
{
    if (!rules_before_reassembly(_i))
        return; /* iptables has no match for them */
    rules_hold(_i, "deny ip from any to any ipoptions rr in",
               "deny ip from any to any ipoptions !lsrr,!ssrr,!rr out xmit in0", NULL);
    ck_assert(!passes_with_option(7));
    ck_assert(passes_with_option(1));
}
END_TEST
#endif

int main(void)
{
    const TTest *const tests[] = {
        test_rules_match_what_they_say,
        test_some_packets_match_by_chance,
        test_default_rule_denies,
        test_length_of_tcp_data_is_found,
        test_spoofed_packets_are_recognised,
#ifdef WIRE_IPV6
        test_extension_headers_are_found,
#else
        test_ip_options_are_found,
#endif
    };

    return run_suite_with("rules", tests, sizeof(tests) / sizeof(tests[0]), rules_backends());
}
