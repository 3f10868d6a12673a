/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that match the number of a packet's socket (SO_USER_COOKIE): sockarg. */
#include "rules.h"
#include "wire.h"

#include <sys/socket.h>
#include <unistd.h>

#define USER_COOKIE 0x1015 /* SO_USER_COOKIE of FreeBSD */

static uint8_t got[200];
static wire_address from;
static int sockets[2];

static void hold(int backend, const char *const *rules)
{
    rules_hold_list(backend, rules);
    for (int i = 0; i < 2; i++)
        sockets[i] = divert_bound(8000 + i);
}

#define HOLD(backend, ...) hold(backend, (const char *const[]){__VA_ARGS__, NULL})

static void set_cookie(int fd, uint32_t cookie)
{
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, USER_COOKIE, &cookie, sizeof(cookie)), 0);
}

static int socket_with(uint32_t cookie)
{
    int fd = udp_socket(0);

    set_cookie(fd, cookie);
    return fd;
}

/* Expects the packet at that port, by that rule, and lets it go on to the wire. */
static void expect_diverted(int port, int rule)
{
    size_t len = divert_read(sockets[port - 8000], got, sizeof(got), &from);

    ck_assert_int_eq(from.sin_tag, rule);
    divert_write(sockets[port - 8000], got, len, &from);
}

static void expect_sent(void)
{
    wire_receive(&out0, got, sizeof(got));
    ck_assert_uint_eq(queue_waiting(8000) + queue_waiting(8001), 0);
    wire_expect_silence(&out0);
}

static void send_and_expect(int fd, int port, int rule)
{
    udp_send(fd, OUT_PEER, 53, "x", 1);
    expect_diverted(port, rule);
    expect_sent();
}

START_TEST(test_sockets_are_told_apart)
{
    int fd = udp_socket(0), copy = dup(fd);

    HOLD(_i, "100 divert 8000 udp from any to any 53 out sockarg",
         "200 divert 8001 udp from any to any 53 out not sockarg not diverted");
    set_cookie(fd, 7);
    send_and_expect(fd, 8000, 100);
    send_and_expect(copy, 8000, 100);
    send_and_expect(udp_socket(0), 8001, 200);
    set_cookie(fd, 0);
    send_and_expect(fd, 8001, 200);
}
END_TEST

/* As in the rules of zapret. */
START_TEST(test_own_packets_of_a_program_are_left_alone)
{
    HOLD(_i, "100 divert 8000 udp from any to any 53 out not diverted not sockarg xmit out0");
    send_and_expect(udp_socket(0), 8000, 100);
    udp_send(socket_with(1), OUT_PEER, 53, "x", 1);
    expect_sent();
}
END_TEST

/* A written packet has no socket, as on FreeBSD. */
START_TEST(test_diverted_packet_has_no_socket)
{
    HOLD(_i, "100 divert 8000 udp from any to any 53 out sockarg",
         "200 divert 8001 udp from any to any 53 out not sockarg",
         "300 deny udp from any to any 53 out sockarg");
    udp_send(socket_with(7), OUT_PEER, 53, "x", 1);
    expect_diverted(8000, 100);
    expect_diverted(8001, 200);
    expect_sent();
}
END_TEST

START_TEST(test_rules_that_skip_others)
{
    HOLD(_i, "100 skipto 300 udp from any to any 53 out sockarg",
         "200 divert 8000 udp from any to any 53 out",
         "300 divert 8001 udp from any to any 53 out");
    send_and_expect(socket_with(7), 8001, 300);
    udp_send(udp_socket(0), OUT_PEER, 53, "x", 1);
    expect_diverted(8000, 200);
    expect_diverted(8001, 300);
    expect_sent();
}
END_TEST

START_TEST(test_rules_without_sockarg)
{
    HOLD(_i, "100 divert 8000 udp from any to any 53 out not diverted",
         "200 divert 8001 udp from any to any 53 out");
    udp_send(socket_with(7), OUT_PEER, 53, "x", 1);
    expect_diverted(8000, 100);
    expect_diverted(8001, 200);
    expect_sent();
}
END_TEST

START_TEST(test_mark_of_the_program_is_kept)
{
    int fd = udp_socket(0);
    uint32_t mark = 5;
    socklen_t size = sizeof(mark);

    HOLD(_i, "100 divert 8000 udp from any to any 53 out sockarg");
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
    set_cookie(fd, 7);
    look_behind("postrouting", "meta mark & 0xffff != 5 drop");
    send_and_expect(fd, 8000, 100);
    set_cookie(fd, 0);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &size), 0);
    ck_assert_uint_eq(mark, 5);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_sockets_are_told_apart,        test_own_packets_of_a_program_are_left_alone,
        test_diverted_packet_has_no_socket, test_rules_that_skip_others,
        test_rules_without_sockarg,         test_mark_of_the_program_is_kept,
    };

    return run_suite_with("sockarg", tests, sizeof(tests) / sizeof(tests[0]), rules_backends());
}
