/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts wait for later ones only for a moment: either the kernel sends them (the default), or
 * none waits (in a sandbox, and with DIVERTSHIM_BATCH=0); see CMakeLists.txt. The sandbox is a
 * seccomp filter that refuses io_uring, or "other" ones that do not.
 */
#include "make_packet.h"
#include "sandbox.h"
#include "wire.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT 24

static uint8_t sent[COUNT][64], got[64];
static size_t len;
static wire_address from;

/* Diverts several packets, so that more are at hand when the first is written. */
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

START_TEST(test_written_packets_share_verdicts)
{
    int fd = divert_with_packets();

    for (int i = 0; i < COUNT; i++)
        pass_one(fd);
    for (int i = 0; i < COUNT; i++)
        wire_expect(&out0, sent[i], len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_last_written_packet_is_not_delayed)
{
    int fd = divert_with_packets();

    for (int i = 0; i < COUNT; i++) {
        pass_one(fd);
        wire_expect(&out0, sent[i], len);
    }
}
END_TEST

/* Fails if the call gave EINTR, as it does when anything interrupts it. */
static void expect_timeout(int udp)
{
    char byte;

    errno = 0;
    ck_assert_int_eq(recv(udp, &byte, 1, 0), -1);
    ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(test_packet_leaves_while_the_program_waits_elsewhere)
{
    const struct timeval moment = {.tv_usec = 5000};
    int fd = divert_with_packets(), udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct pollfd p = {.fd = udp, .events = POLLIN};

    ck_assert_int_eq(setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment)), 0);
    pass_one(fd);
    expect_timeout(udp);
    wire_expect(&out0, sent[0], len);
    pass_one(fd);
    ck_assert_int_eq(poll(&p, 1, 5), 0);
    wire_expect(&out0, sent[1], len);
    close(udp);
}
END_TEST

static void *pass_in_thread(void *fd)
{
    pass_one(*(int *)fd);
    return NULL;
}

static void run_thread(int *fd)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, pass_in_thread, fd), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(test_thread_that_ends)
{
    int fd = divert_with_packets();

    run_thread(&fd);
    wire_expect(&out0, sent[0], len);
}
END_TEST

START_TEST(test_threads_in_turns)
{
    int fd = divert_with_packets();

    for (int i = 0; i < COUNT; i += 2) {
        pass_one(fd);
        run_thread(&fd);
    }
    for (int i = 0; i < COUNT; i++)
        wire_expect(&out0, sent[i], len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

/* Parent and child, which was made without fork handlers, go on with one socket. */
START_TEST(test_child_made_without_fork_handlers_writes_too)
{
    int fd = divert_with_packets(), status;
    pid_t child;

    pass_one(fd);
    child = _Fork();
    if (child == 0) {
        pass_one(fd);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    for (int i = 2; i < COUNT; i++)
        pass_one(fd);
    for (int i = 0; i < COUNT; i++)
        wire_receive(&out0, got, sizeof(got));
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
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

START_TEST(test_program_that_ends_without_exit_handlers)
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

/* Does the process have an io_uring? */
static bool has_ring(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    char target[64];
    bool found = false;

    while ((entry = readdir(dir)) != NULL) {
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

        target[n < 0 ? 0 : n] = '\0';
        found |= strcmp(target, "anon_inode:[io_uring]") == 0;
    }
    closedir(dir);
    return found;
}

/* Under a seccomp filter the library makes an io_uring only if it was told that it may. */
START_TEST(test_io_uring_under_a_seccomp_filter)
{
    const char *expected = getenv("TEST_RING");
    int fd = divert_with_packets();

    for (int i = 0; i < COUNT; i++)
        pass_one(fd);
    if (expected)
        ck_assert_int_eq(has_ring(), *expected == '1');
}
END_TEST

static void sandbox(const char *name)
{
    if (!name)
        return;
    if (strcmp(name, "other") == 0)
        forbid_call(SYS_acct, EPERM);
    else
        forbid_call(SYS_io_uring_setup, EPERM);
}

int main(void)
{
    const TTest *const tests[] = {
        test_written_packets_share_verdicts,
        test_last_written_packet_is_not_delayed,
        test_program_that_ends_without_exit_handlers,
        test_program_that_runs_another,
        test_program_that_closes,
        test_packet_leaves_while_the_program_waits_elsewhere,
        test_thread_that_ends,
        test_threads_in_turns,
        test_child_made_without_fork_handlers_writes_too,
        test_io_uring_under_a_seccomp_filter,
    };

    sandbox(getenv("TEST_SANDBOX"));
    return run_suite("batch", tests, sizeof(tests) / sizeof(tests[0]));
}
