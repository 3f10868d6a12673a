/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that change a packet and go on. */
#include "make_packet.h"
#include "rules.h"
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

static uint8_t packet[200], got[200];
static size_t len;

static unsigned dscp_of_packet(const uint8_t *ip)
{
#ifdef WIRE_IPV6
    return (unsigned)(ip[0] & 15) << 2 | ip[1] >> 6;
#else
    return ip[1] >> 2;
#endif
}

static unsigned dscp_after(int proto)
{
    uint8_t payload[20] = {0};

    payload[12] = 5 << 4;
    len = make_ip(packet, (uint8_t)proto, IN_PEER, OUT_PEER, 77, payload, sizeof(payload));
    wire_send(&in0, packet, len);
    ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), len);
    ck_assert_uint_eq(transport_checksum(got, len), transport_checksum(packet, len));
    return dscp_of_packet(got);
}

START_TEST(test_dscp_is_set)
{
    rules_hold(
        _i, "setdscp af11 udp from any to any in", "setdscp cs1 udp from any to any dscp af11 out",
        "setdscp ef { tcp or gre } from any to any out", "deny gre from any to any dscp ef out",
        "setdscp va ip from any to any iplen 1000 out", NULL);
    ck_assert_uint_eq(dscp_after(IPPROTO_UDP), 8);
    ck_assert_uint_eq(dscp_after(IPPROTO_TCP), 46);
    ck_assert_uint_eq(dscp_after(IPPROTO_ESP), 0);
    len = make_ip(packet, IPPROTO_GRE, IN_PEER, OUT_PEER, 77, "12345678", 8);
    wire_send(&in0, packet, len);
    wire_expect_silence(&out0);
}
END_TEST

/* Sends a SYN with options, of which the segment size may be left out. */
static void send_syn(unsigned size, bool with_size)
{
    struct {
        struct tcphdr header;
        uint8_t options[8];
    } tcp = {{.th_sport = htons(1000), .th_dport = htons(80), .th_flags = TH_SYN, .th_off = 7},
             {1, 1, 1, 1, 4, 2, 1, 1}};

    if (with_size)
        memcpy(tcp.options, (uint8_t[]){2, 4, (uint8_t)(size >> 8), (uint8_t)size}, 4);
    len = make_ip(packet, IPPROTO_TCP, IN_PEER, OUT_PEER, 77, &tcp, sizeof(tcp));
    wire_send(&in0, packet, len);
    ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), len);
    ck_assert_uint_eq(transport_checksum(got, len), transport_checksum(packet, len));
}

static unsigned size_after(unsigned size)
{
    send_syn(size, true);
    return (unsigned)got[HEADER + 22] << 8 | got[HEADER + 23];
}

START_TEST(test_segment_size_is_lowered)
{
    rules_hold(_i, "tcp-setmss 1400 tcp from any to any in",
               "tcp-setmss 1300 log ip from any to any 80 out", NULL);
    ck_assert_uint_eq(size_after(1460), 1300);
    ck_assert_uint_eq(size_after(1350), 1300);
    ck_assert_uint_eq(size_after(1000), 1000);
    send_syn(0, false);
    ck_assert_mem_eq(got + HEADER, packet + HEADER, len - HEADER);
}
END_TEST

/* Does a packet from one port to another come out? */
static bool passes(uint16_t from, uint16_t to)
{
    struct pollfd p = {.fd = out0.fd, .events = POLLIN};

    len = make_udp(packet, IN_PEER, from, OUT_PEER, to, 77, "x", 1);
    wire_send(&in0, packet, len);
    return poll(&p, 1, 100) == 1 && wire_receive(&out0, got, sizeof(got)) == len;
}

START_TEST(test_packets_keep_their_tags)
{
    rules_option("--tag-mask=0x30");
    rules_hold(_i, "count tag 5 udp from any to any 2222 in",
               "count tag 7 udp from any to any 2223 in",
               "count log untag 5 udp from any 1112 to any in",
               "deny ip from any to any tagged 5,9-100 out",
               "deny udp from any to any 2224 not tagged 1-6,7 out",
               "deny ip from any to any tagged 9", NULL);
    ck_assert(!passes(1111, 2222));
    ck_assert(passes(1112, 2222));
    ck_assert(passes(1111, 2223));
    ck_assert(!passes(1111, 2224));
    ck_assert(passes(1111, 2225));
}
END_TEST

/* As on FreeBSD, tags do not leave the kernel; the other bits of the mark do. */
START_TEST(test_divert_removes_tags)
{
    wire_address from;
    int fd;

    rules_option("--tag-mask=0x30");
    rules_hold(_i, "count tag 5 udp from any to any in", "divert 8000 udp from any to any in",
               "deny udp from any to any tagged 5 out", NULL);
    look_before("prerouting", "meta mark set 0x141");
    look_behind("postrouting", "meta mark != 0x141 drop");
    fd = divert_bound(8000);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    wire_send(&in0, packet, len);
    divert_read(fd, got, sizeof(got), &from);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_dscp_is_set, test_segment_size_is_lowered,
                                  test_packets_keep_their_tags, test_divert_removes_tags};

    return run_suite_with("changes", tests, sizeof(tests) / sizeof(tests[0]), rules_backends());
}
