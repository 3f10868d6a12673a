/* SPDX-License-Identifier: BSD-2-Clause */
/* The errors that the sender of a packet gets when a rule rejects it, in all directions. */
#include "make_packet.h"
#include "rules.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WIRE_IPV6
#define ERROR     ICMP6_DST_UNREACH
#define ICMP      IPPROTO_ICMPV6
#define ECHO      128
#define PROTO_AT  6
#define HOST      ICMP6_DST_UNREACH_NOROUTE
#define FILTER    ICMP6_DST_UNREACH_ADMIN
#define OF_FAMILY "unreach6 address udp"
#define CODE      ICMP6_DST_UNREACH_ADDR
#else
#define ERROR     ICMP_UNREACH
#define ICMP      IPPROTO_ICMP
#define ECHO      8
#define PROTO_AT  9
#define HOST      ICMP_UNREACH_HOST
#define FILTER    ICMP_UNREACH_FILTER_PROHIB
#define OF_FAMILY "unreach needfrag 1400 udp"
#define CODE      ICMP_UNREACH_NEEDFRAG
#endif

static uint8_t packet[600], got[1500];
static size_t len;

static void make_tcp_packet(uint8_t flags)
{
    struct tcphdr tcp = {.th_sport = htons(1000),
                         .th_dport = htons(25),
                         .th_seq = htonl(4000000000),
                         .th_ack = htonl(2000),
                         .th_flags = flags,
                         .th_off = 5};

    len = make_ip(packet, IPPROTO_TCP, IN_PEER, OUT_PEER, 77, &tcp, sizeof(tcp));
}

static void make_udp_packet(void)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
}

/* Sends a packet, and expects an error about it. */
static void expect_error(uint8_t code)
{
    size_t got_len;

    wire_send(&in0, packet, len);
    got_len = wire_receive(&in0, got, sizeof(got));
    ck_assert_uint_eq(got_len, HEADER + 8 + len);
    ck_assert_uint_eq(got[PROTO_AT], ICMP);
    ck_assert_uint_eq(got[HEADER], ERROR);
    ck_assert_uint_eq(got[HEADER + 1], code);
    ck_assert_mem_eq(got + HEADER + 8 + HEADER, packet + HEADER, len - HEADER);
    wire_expect_silence(&out0);
}

static void expect_reset(uint8_t flags, uint32_t seq, uint32_t ack)
{
    struct tcphdr tcp;
    size_t got_len;

    wire_send(&in0, packet, len);
    got_len = wire_receive(&in0, got, sizeof(got));
    ck_assert_uint_eq(got_len, HEADER + sizeof(tcp));
    memcpy(&tcp, got + HEADER, sizeof(tcp));
    ck_assert_uint_eq(tcp.th_flags, flags);
    ck_assert_uint_eq(ntohl(tcp.th_seq), seq);
    ck_assert_uint_eq(ntohl(tcp.th_ack), ack);
    ck_assert_uint_eq(ntohs(tcp.th_sport), 25);
    ck_assert_uint_eq(ntohs(tcp.th_dport), 1000);
    wire_expect_silence(&out0);
}

static void expect_nothing(void)
{
    wire_send(&in0, packet, len);
    poll(NULL, 0, 200);
    wire_expect_silence(&in0);
    wire_expect_silence(&out0);
}

START_TEST(test_reject_tells_the_sender)
{
    rules_hold(_i, "reject udp from any to any in", NULL);
    make_udp_packet();
    expect_error(HOST);
}
END_TEST

START_TEST(test_unreach_sends_its_code)
{
    rules_hold(_i, "unreach filter-prohib tcp from any to any in", OF_FAMILY " from any to any in",
               NULL);
    make_tcp_packet(TH_SYN);
    expect_error(FILTER);
    make_udp_packet();
    expect_error(CODE);
#ifndef WIRE_IPV6
    ck_assert_uint_eq(got[HEADER + 6] << 8 | got[HEADER + 7], 1400);
#endif
}
END_TEST

/* On its way out the packet has been forwarded, and the sender is another host. */
START_TEST(test_forwarded_packet_is_answered_on_its_way_out)
{
    rules_hold(_i, "reject udp from any to any out xmit out0",
               "reset tcp from any to any { dst-port 1-24 or dst-port 25 } out", NULL);
    make_udp_packet();
    expect_error(HOST);
    make_tcp_packet(TH_SYN);
    expect_reset(TH_RST | TH_ACK, 0, 4000000001);
}
END_TEST

START_TEST(test_reset_answers_only_tcp)
{
    rules_hold(_i, "reset ip from any to any in", NULL);
    make_tcp_packet(TH_SYN);
    expect_reset(TH_RST | TH_ACK, 0, 4000000001);
    make_tcp_packet(TH_ACK);
    expect_reset(TH_RST, 2000, 0);
    make_tcp_packet(TH_RST);
    expect_nothing();
    make_udp_packet();
    expect_nothing();
}
END_TEST

/* A query gets an error, an error does not. */
START_TEST(test_icmp_errors_are_not_answered)
{
    static const uint8_t echo[8] = {ECHO}, error[8] = {ERROR};

    rules_hold(_i, "reject ip from any to any in", NULL);
    len = make_ip(packet, ICMP, IN_PEER, OUT_PEER, 77, error, sizeof(error));
    expect_nothing();
    len = make_ip(packet, ICMP, IN_PEER, OUT_PEER, 77, echo, sizeof(echo));
    expect_error(HOST);
}
END_TEST

/* Actions of the other IP version drop without an answer. */
START_TEST(test_other_ip_version_is_dropped_without_an_answer)
{
#ifdef WIRE_IPV6
    rules_hold(_i, "reset tcp from any to any in", NULL);
    make_tcp_packet(TH_SYN);
    expect_reset(TH_RST | TH_ACK, 0, 4000000001);
#else
    rules_hold(_i, "reset6 tcp from any to any in", "unreach6 port udp from any to any in", NULL);
    make_tcp_packet(TH_SYN);
    expect_nothing();
    make_udp_packet();
    expect_nothing();
#endif
}
END_TEST

/* Each run has an NFLOG group of its own. */
START_TEST(test_two_runs_answer)
{
    rules_hold(_i, "reset tcp from any to any in", NULL);
    rules_hold(_i, "reject udp from any to any in", NULL);
    make_udp_packet();
    expect_error(HOST);
    make_tcp_packet(TH_SYN);
    expect_reset(TH_RST | TH_ACK, 0, 4000000001);
}
END_TEST

/* The errno of a connect(2) to the far end, which does not answer by itself. */
static int connect_error(uint16_t port)
{
    wire_address to = address_make(OUT_PEER, htons(port));
    int fd = socket(FAMILY, SOCK_STREAM, 0), error;

    ck_assert_int_ge(fd, 0);
    error = connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
    close(fd);
    return error;
}

START_TEST(test_programs_on_this_host_get_the_error)
{
    rules_hold(_i, "reset tcp from me to any 25 out", "reject tcp from me to any 26 out", NULL);
    ck_assert_int_eq(connect_error(25), ECONNREFUSED);
#ifdef WIRE_IPV6
    ck_assert_int_eq(connect_error(26), ENETUNREACH);
#else
    ck_assert_int_eq(connect_error(26), EHOSTUNREACH);
#endif
    wire_expect_silence(&out0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_reject_tells_the_sender,
        test_unreach_sends_its_code,
        test_forwarded_packet_is_answered_on_its_way_out,
        test_reset_answers_only_tcp,
        test_icmp_errors_are_not_answered,
        test_other_ip_version_is_dropped_without_an_answer,
        test_programs_on_this_host_get_the_error,
        test_two_runs_answer,
    };

    return run_suite_with("answers", tests, sizeof(tests) / sizeof(tests[0]), rules_backends());
}
