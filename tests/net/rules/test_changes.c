/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that change a packet and go on. */
#include "make_packet.h"
#include "rules.h"
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

/* A SYN with options, of which the segment size may be left out. */
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

int main(void)
{
    const TTest *const tests[] = {test_dscp_is_set, test_segment_size_is_lowered};

    return run_suite_with("changes", tests, 2, rules_backends());
}
