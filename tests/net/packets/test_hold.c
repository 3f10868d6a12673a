/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is read and never written is dropped after a while, even while the program only waits. Under
 * DIVERTSHIM_HOLD_MS=300, see CMakeLists.txt.
 */
#include "make_packet.h"
#include "wire.h"

#include <poll.h>
#include <string.h>
#include <sys/time.h>

static uint8_t packet[256], got[256];
static size_t len;
static wire_address from;

static int read_one(bool incoming, const char *payload)
{
    int fd = divert_bound(PORT);

    if (incoming)
        divert_incoming(PORT);
    else
        divert_outgoing(PORT);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, strlen(payload));
    wire_send(&in0, packet, len);
    divert_read(fd, got, sizeof(got), &from);
    return fd;
}

static void expect_drop_while(int fd, struct pollfd *p)
{
    ck_assert_uint_eq(queue_waiting(PORT), 1);
    if (p) {
        ck_assert_int_eq(poll(p, 1, 1000), 0);
    } else {
        struct timeval second = {.tv_sec = 1};

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
        ck_assert_int_eq(recv(fd, got, sizeof(got), 0), -1);
    }
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    wire_expect_silence(&out0);
}

START_TEST(test_unwritten_packet_is_dropped_while_the_program_polls)
{
    struct pollfd p = {.fd = read_one(true, "x"), .events = POLLIN};

    expect_drop_while(p.fd, &p);
}
END_TEST

START_TEST(test_unwritten_packet_is_dropped_while_the_program_reads)
{
    expect_drop_while(read_one(true, "x"), NULL);
}
END_TEST

START_TEST(test_packet_written_after_it_was_dropped_arrives)
{
    struct pollfd p = {.fd = read_one(false, "x"), .events = POLLIN};
    int fd = p.fd;

    expect_drop_while(fd, &p);
    divert_write(fd, got, len, &from);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    wire_expect(&out0, packet, len);
    wire_expect_silence(&out0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_unwritten_packet_is_dropped_while_the_program_polls,
        test_unwritten_packet_is_dropped_while_the_program_reads,
        test_packet_written_after_it_was_dropped_arrives,
    };

    return run_suite("hold", tests, sizeof(tests) / sizeof(tests[0]));
}
