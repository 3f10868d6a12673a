/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that wait by system calls of their own, not by the C library: the descriptor is readable
 * exactly while a packet can be read.
 */
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static uint8_t got[2000];

static struct timespec timespec_of(int ms)
{
    return (struct timespec){ms / 1000, ms % 1000 * 1000000L};
}

/* The result of a raw ppoll(2) for the descriptor, 0 on a timeout. */
static short raw_ppoll(int fd, short asked, int ms)
{
    struct pollfd p = {.fd = fd, .events = asked};
    struct timespec time = timespec_of(ms);

    ck_assert_int_ge(syscall(SYS_ppoll, &p, 1, &time, NULL, 8), 0);
    return p.revents;
}

static int raw_pselect(int fd, int ms)
{
    struct timespec time = timespec_of(ms);
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    return (int)syscall(SYS_pselect6, fd + 1, &set, NULL, NULL, &time, NULL);
}

START_TEST(test_raw_ppoll_sees_packets)
{
    int fd = divert_ready();

    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(raw_ppoll(fd, POLLIN, 0), 0);
        send_small(i);
        ck_assert_int_eq(raw_ppoll(fd, POLLIN, SOON_MS), POLLIN);
        read_small(fd);
    }
    ck_assert_int_eq(raw_ppoll(fd, POLLIN, 20), 0);
}
END_TEST

START_TEST(test_raw_pselect6_sees_packets)
{
    int fd = divert_ready();

    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(raw_pselect(fd, 0), 0);
        send_small(i);
        ck_assert_int_eq(raw_pselect(fd, SOON_MS), 1);
        read_small(fd);
    }
    ck_assert_int_eq(raw_pselect(fd, 20), 0);
}
END_TEST

/* As select(2) and poll(2) document for sockets. */
START_TEST(test_raw_poll_reports_rdnorm)
{
    int fd = divert_ready();

    ck_assert_int_eq(raw_ppoll(fd, POLLIN | POLLRDNORM, 0), 0);
    send_burst(1);
    ck_assert_int_eq(raw_ppoll(fd, POLLIN | POLLRDNORM, SOON_MS), POLLIN | POLLRDNORM);
    ck_assert_int_eq(raw_ppoll(fd, POLLRDNORM, SOON_MS), POLLRDNORM);
    read_small(fd);
    ck_assert_int_eq(raw_ppoll(fd, POLLIN | POLLRDNORM, 0), 0);
}
END_TEST

/* Near the number of packets that the library takes from the kernel at once. */
static const unsigned bursts[] = {2, 63, 64, 65, 100, 129, 300};
#define BURSTS ((int)(sizeof(bursts) / sizeof(bursts[0])))

START_TEST(test_readable_before_each_packet_of_a_burst)
{
    int fd = divert_ready();

    send_burst(bursts[_i]);
    for (unsigned i = 0; i < bursts[_i]; i++) {
        ck_assert_msg(raw_ppoll(fd, POLLIN, 0) == POLLIN, "expected packet %u to be announced", i);
        read_small(fd);
    }
    ck_assert_int_eq(raw_ppoll(fd, POLLIN, 0), 0);
    ck_assert(divert_silent(fd));
}
END_TEST

/* The same while the program writes what it reads. */
START_TEST(test_readable_before_each_packet_that_is_passed_on)
{
    int fd = divert_ready();
    struct sockaddr_in from;

    send_burst(bursts[_i]);
    for (unsigned i = 0; i < bursts[_i]; i++) {
        socklen_t size = sizeof(from);

        ck_assert_msg(raw_ppoll(fd, POLLIN, 0) == POLLIN, "expected packet %u to be announced", i);
        ck_assert_int_eq(recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size),
                         SMALL_PACKET);
        divert_write(fd, got, SMALL_PACKET, &from);
    }
    ck_assert_int_eq(raw_ppoll(fd, POLLIN, 0), 0);
    for (unsigned i = 0; i < bursts[_i]; i++) {
        ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), SMALL_PACKET);
        ck_assert_uint_eq(small_number(got), i);
    }
}
END_TEST

START_TEST(test_peek_leaves_it_readable)
{
    int fd = divert_ready();

    send_burst(2);
    ck_assert_int_eq(recv(fd, got, sizeof(got), MSG_PEEK), SMALL_PACKET);
    ck_assert_int_eq(raw_ppoll(fd, POLLIN, 0), POLLIN);
    read_small(fd);
    ck_assert_int_eq(recv(fd, got, sizeof(got), MSG_PEEK), SMALL_PACKET);
    ck_assert_int_eq(raw_ppoll(fd, POLLIN, 0), POLLIN);
    read_small(fd);
    ck_assert_int_eq(raw_ppoll(fd, POLLIN, 0), 0);
}
END_TEST

static _Atomic pid_t waiter;

static void *wait_by_ppoll(void *arg)
{
    waiter = gettid();
    return (void *)(intptr_t)raw_ppoll(*(int *)arg, POLLIN, 2 * SOON_MS);
}

START_TEST(test_blocked_raw_ppoll_wakes)
{
    int fd = divert_ready();
    pthread_t thread;
    void *result;

    for (unsigned i = 0; i < 3; i++) {
        waiter = 0;
        ck_assert_int_eq(pthread_create(&thread, NULL, wait_by_ppoll, &fd), 0);
        while (waiter == 0)
            usleep(100);
        wait_until_asleep(waiter);
        send_small(i);
        pthread_join(thread, &result);
        ck_assert_int_eq((intptr_t)result, POLLIN);
        read_small(fd);
    }
}
END_TEST

/* These calls would take a counter of the library, if the descriptor were an eventfd. */
START_TEST(test_raw_read_takes_nothing)
{
    int fd = divert_ready();
    struct iovec vector = {got, sizeof(got)};

    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(syscall(SYS_fcntl, fd, F_SETFL, O_NONBLOCK), 0);
        send_burst(2);
        ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, SOON_MS), 1);
        ck_assert_int_eq(syscall(SYS_read, fd, got, sizeof(got)), -1);
        ck_assert_int_eq(syscall(SYS_readv, fd, &vector, 1), -1);
        ck_assert_int_eq(syscall(SYS_write, fd, got, 8), -1);
        ck_assert_int_eq(raw_ppoll(fd, POLLIN, 0), POLLIN);
        read_small(fd);
        ck_assert_int_eq(syscall(SYS_read, fd, got, sizeof(got)), -1);
        ck_assert_int_eq(raw_ppoll(fd, POLLIN, 0), POLLIN);
        read_small(fd);
        ck_assert_int_eq(raw_ppoll(fd, POLLIN, 0), 0);
    }
}
END_TEST

START_TEST(test_o_nonblock_is_kept)
{
    int fd = divert_ready(), copy = dup(fd), one = 1, none = 0;

    ck_assert_int_eq(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_RDWR);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(fcntl(copy, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDWR);
    ck_assert_int_eq(syscall(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    ck_assert_int_eq(recv(fd, got, sizeof(got), 0), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(ioctl(copy, FIONBIO, &none), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(ioctl(fd, FIONBIO, &one), 0);
    ck_assert_int_eq(syscall(SYS_fcntl, copy, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    send_burst(1);
    ck_assert_int_eq(raw_ppoll(fd, POLLIN, 0), POLLIN);
    ck_assert_int_eq(read(copy, got, sizeof(got)), SMALL_PACKET);
    ck_assert_int_eq(read(copy, got, sizeof(got)), -1);
    ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_raw_ppoll_sees_packets,  test_raw_pselect6_sees_packets, test_raw_poll_reports_rdnorm,
        test_peek_leaves_it_readable, test_blocked_raw_ppoll_wakes,   test_raw_read_takes_nothing,
        test_o_nonblock_is_kept,
    };
    const TTest *const each_burst[] = {
        test_readable_before_each_packet_of_a_burst,
        test_readable_before_each_packet_that_is_passed_on,
    };
    int failed;

    failed = run_suite("raw waits", tests, sizeof(tests) / sizeof(tests[0]));
    failed |=
        run_suite_with("bursts", each_burst, sizeof(each_burst) / sizeof(each_burst[0]), BURSTS);
    return failed;
}
