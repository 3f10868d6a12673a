/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that are accepted one after the other get one verdict together, which leaves alone those
 * among them that are outstanding, dropped or changed. Under DIVERTSHIM_HOLD_MS=300, see
 * CMakeLists.txt.
 */
#include "make_packet.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT   24
#define HELD    5 /* the number of the packet that is treated otherwise */
#define HOLD_US 300000

static uint8_t sent[COUNT][64], got[COUNT][64];
static wire_address from[COUNT];
static size_t len;

static size_t make(uint8_t *packet, int i, const char *payload)
{
    return make_udp(packet, IN_PEER, (uint16_t)(100 + i % 2), OUT_PEER, 2, (uint16_t)(i + 1),
                    payload, strlen(payload));
}

/* Diverts so many that more are at hand when the first ones are written. */
static int divert_packets(void)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    for (int i = 0; i < COUNT; i++) {
        len = make(sent[i], i, "before");
        wire_send(&in0, sent[i], len);
    }
    return fd;
}

static void read_number(int fd, int i)
{
    divert_read(fd, got[i], sizeof(got[i]), &from[i]);
    ck_assert_mem_eq(got[i], sent[i], len);
}

static void write_number(int fd, int i)
{
    divert_write(fd, got[i], len, &from[i]);
}

static void pass_number(int fd, int i)
{
    read_number(fd, i);
    write_number(fd, i);
}

/* Expects all but one, in order. */
static void expect_all_but(int missing)
{
    for (int i = 0; i < COUNT; i++) {
        if (i != missing)
            wire_expect(&out0, sent[i], len);
    }
    wire_expect_silence(&out0);
}

static void pass_others(int fd)
{
    for (int i = 0; i < COUNT; i++) {
        if (i == HELD)
            read_number(fd, i);
        else
            pass_number(fd, i);
    }
}

START_TEST(test_outstanding_packet_stays)
{
    int fd = divert_packets();

    pass_others(fd);
    expect_all_but(HELD);
    ck_assert_uint_eq(queue_waiting(PORT), 1);
    write_number(fd, HELD);
    wire_expect(&out0, sent[HELD], len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

/*
 * Parent and child share the socket; what one of them holds is not accepted by the other's
 * verdicts.
 */
START_TEST(test_packet_that_another_process_holds_stays)
{
    int fd = divert_packets(), status;
    pid_t child;

    for (int i = 0; i <= HELD; i++)
        i < HELD ? pass_number(fd, i) : read_number(fd, i);
    child = fork();
    if (child == 0) {
        for (int i = HELD + 1; i < COUNT; i++)
            pass_number(fd, i);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    expect_all_but(HELD);
    write_number(fd, HELD);
    wire_expect(&out0, sent[HELD], len);
}
END_TEST

START_TEST(test_changed_packets_go_on_changed)
{
    int fd = divert_packets();

    for (int i = 0; i < COUNT; i++) {
        read_number(fd, i);
        if (i % 3 == 0) {
            make(got[i], i, "behind");
            make(sent[i], i, "behind");
        }
        write_number(fd, i);
    }
    expect_all_but(COUNT);
}
END_TEST

/* Each goes on with the mark that it came with. */
START_TEST(test_marks_are_kept)
{
    int fd = divert_bound(PORT);

    for (int i = 0; i < 2; i++) {
        run(IPTABLES " -t raw -A PREROUTING -p udp --sport %d -j MARK --set-mark %d", 100 + i,
            i + 5);
        run(IPTABLES " -A FORWARD -p udp --sport %d -m mark ! --mark %d -j DROP", 100 + i, i + 5);
    }
    divert_incoming(PORT);
    for (int i = 0; i < COUNT; i++) {
        /* in pairs, so that runs of equal marks form */
        len = make_udp(sent[i], IN_PEER, (uint16_t)(100 + i / 2 % 2), OUT_PEER, 2,
                       (uint16_t)(i + 1), "x", 1);
        wire_send(&in0, sent[i], len);
    }
    for (int i = 0; i < COUNT; i++)
        pass_number(fd, i);
    expect_all_but(COUNT);
}
END_TEST

START_TEST(test_packets_go_on_in_the_order_of_the_writes)
{
    int fd = divert_packets();

    for (int i = 0; i < COUNT; i++)
        read_number(fd, i);
    for (int i = COUNT - 1; i >= 0; i--)
        write_number(fd, i);
    for (int i = COUNT - 1; i >= 0; i--)
        wire_expect(&out0, sent[i], len);
    wire_expect_silence(&out0);
}
END_TEST

/* Overdue packets are dropped together, and nothing else. */
START_TEST(test_dropped_packets_leave_the_others)
{
    int fd = divert_packets();

    for (int i = 0; i < HELD; i++)
        read_number(fd, i);
    usleep(HOLD_US * 5 / 4);
    for (int i = HELD; i < COUNT; i++)
        pass_number(fd, i);
    for (int i = HELD; i < COUNT; i++)
        wire_expect(&out0, sent[i], len);
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

/* One is injected, so it is dropped between those before and after it. */
START_TEST(test_packet_that_was_injected_elsewhere_is_dropped)
{
    wire_address elsewhere = address_make(OUT_ADDRESS, 0);
    int fd = divert_packets();

    for (int i = 0; i < COUNT; i++) {
        read_number(fd, i);
        divert_write(fd, got[i], len, i == HELD ? &elsewhere : &from[i]);
    }
    for (int i = 0; i < COUNT; i++)
        wire_receive(&out0, got[i], sizeof(got[i]));
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_outstanding_packet_stays,
        test_packet_that_another_process_holds_stays,
        test_changed_packets_go_on_changed,
        test_marks_are_kept,
        test_packets_go_on_in_the_order_of_the_writes,
        test_dropped_packets_leave_the_others,
        test_packet_that_was_injected_elsewhere_is_dropped,
    };

    return run_suite("runs", tests, sizeof(tests) / sizeof(tests[0]));
}
