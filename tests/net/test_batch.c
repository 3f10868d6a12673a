/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts that wait for the next ones wait for a moment only. Under DIVERTSHIM_BATCH=1, see
 * CMakeLists.txt.
 */
#include "make_packet.h"
#include "wire.h"

#include <sys/wait.h>
#include <unistd.h>

#define COUNT 8

static uint8_t sent[COUNT][64], got[64];
static size_t len;
static wire_address from;

/* Several packets at once, so that some are at hand while the first is written. */
static int divert_with_packets(void)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    for (uint16_t i = 0; i < COUNT; i++) {
        len = make_udp(sent[i], IN_PEER, 1, OUT_PEER, 2, (uint16_t)(i + 1), "x", 1);
        wire_send(&in0, sent[i], len);
    }
    return fd;
}

static void pass_one(int fd)
{
    divert_read(fd, got, sizeof(got), &from);
    divert_write(fd, got, len, &from);
}

START_TEST(test_program_that_goes_on)
{
    int fd = divert_with_packets();

    for (int i = 0; i < COUNT; i++)
        pass_one(fd);
    for (int i = 0; i < COUNT; i++)
        wire_expect(&out0, sent[i], len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_program_that_does_not_go_on)
{
    int fd = divert_with_packets();

    for (int i = 0; i < COUNT; i++) {
        pass_one(fd);
        wire_expect(&out0, sent[i], len);
    }
}
END_TEST

static void in_child(void (*end)(int))
{
    int fd = divert_with_packets(), status;
    pid_t child = fork();

    if (child == 0) {
        pass_one(fd);
        end(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    wire_expect(&out0, sent[0], len);
}

START_TEST(test_program_that_ends_past_exit)
{
    in_child(_exit);
}
END_TEST

static void run_true(int status)
{
    execl("/bin/true", "true", NULL);
    _exit(status + 1);
}

START_TEST(test_program_that_runs_another)
{
    in_child(run_true);
}
END_TEST

START_TEST(test_program_that_closes)
{
    int fd = divert_with_packets();

    pass_one(fd);
    close(fd);
    wire_expect(&out0, sent[0], len);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_program_that_goes_on,        test_program_that_does_not_go_on,
        test_program_that_ends_past_exit, test_program_that_runs_another,
        test_program_that_closes,
    };

    return run_suite("batch", tests, sizeof(tests) / sizeof(tests[0]));
}
