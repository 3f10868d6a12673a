/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that call others: call and return. */
#include "make_packet.h"
#include "rules.h"
#include "wire.h"

#include <poll.h>

static uint8_t packet[200], got[200];
static size_t len;

static void send_to(uint16_t port)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, port, 77, "x", 1);
    wire_send(&in0, packet, len);
}

static bool is_forwarded(uint16_t port)
{
    struct pollfd p = {.fd = out0.fd, .events = POLLIN};

    send_to(port);
    return poll(&p, 1, 100) == 1 && wire_receive(&out0, got, sizeof(got)) == len;
}

/* Of the called rules one returns, one denies and one allows, and after the last the list ends. */
START_TEST(test_called_rules_return)
{
    rules_hold(_i, "100 call 1000 udp from any to any 1-5 in", "200 deny ip from any to any 1,4 in",
               "300 allow ip from any to any", "1000 return udp from any to any 1,2",
               "1100 deny ip from any to any 3", "1200 allow ip from any to any 4",
               "1300 deny ip from any to any 6", NULL);
    ck_assert(!is_forwarded(1));
    ck_assert(is_forwarded(2));
    ck_assert(!is_forwarded(3));
    ck_assert(is_forwarded(4));
    ck_assert(is_forwarded(5));
    ck_assert(is_forwarded(6));
}
END_TEST

/* Calls backward, and within a call; a third level is not followed, as on an overflow. */
START_TEST(test_calls_within_calls)
{
    rules_hold(_i, "100 skipto 500 ip from any to any", "200 call 300 udp from any to any 2",
               "210 return ip from any to any 2,3", "220 deny ip from any to any",
               "300 call 400 udp from any to any 2", "310 return ip from any to any 2",
               "320 deny ip from any to any", "400 return ip from any to any",
               "500 call 200 udp from any to any out", "510 return ip from any to any",
               "600 deny ip from any to any 3 out", NULL);
    ck_assert(is_forwarded(2));
    ck_assert(!is_forwarded(3));
    ck_assert(!is_forwarded(4));
}
END_TEST

/* A packet from the program goes on after the rule that diverted it, called or not. */
START_TEST(test_diverted_packets_forget_their_calls)
{
    wire_address from;
    int fd;

    rules_hold(_i, "100 call 1000 udp from any to any in", "200 deny ip from any to any in",
               "1000 divert 8000 udp from any to any in", "1100 return ip from any to any", NULL);
    fd = divert_bound(8000);
    send_to(1);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    ck_assert_uint_eq(from.sin_tag, 1000);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_called_rules_return, test_calls_within_calls,
                                  test_diverted_packets_forget_their_calls};

    return run_suite_with("calls", tests, 3, rules_backends());
}
