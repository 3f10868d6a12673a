/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for divert sockets by poll and select: sets of all sizes, and what they report. */
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>

/* Sends a packet, and waits until it can be read. */
static void send_and_wait(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    send_small(1);
    ck_assert_int_eq(poll(&p, 1, SOON_MS), 1);
}

START_TEST(test_select_beyond_1024)
{
    struct rlimit limit = {8000, 8000};
    uint64_t set[64] = {0};
    int fd, high, pipes[2];

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    fd = divert_ready();
    high = fcntl(fd, F_DUPFD, 3000);
    ck_assert_int_eq(high, 3000);
    ck_assert_int_eq(pipe(pipes), 0);
    set[3000 / 64] |= UINT64_C(1) << (3000 % 64);
    set[0] |= UINT64_C(1) << pipes[0];
    send_small(1);
    ck_assert_int_eq(select(3001, (fd_set *)set, NULL, NULL, NULL), 1);
    ck_assert_uint_eq(set[3000 / 64], UINT64_C(1) << (3000 % 64));
    ck_assert_uint_eq(set[0], 0);
}
END_TEST

START_TEST(test_select_sets)
{
    int fd = divert_ready();
    struct timeval now = {0};
    fd_set r, w, e;

    FD_ZERO(&r);
    FD_SET(fd, &r);
    w = e = r;
    ck_assert_int_eq(select(fd + 1, &r, &w, &e, NULL), 1);
    ck_assert(!FD_ISSET(fd, &r) && FD_ISSET(fd, &w) && !FD_ISSET(fd, &e));
    FD_SET(fd, &r);
    FD_SET(900, &r);
    ck_assert_int_eq(select(901, &r, NULL, NULL, &now), -1);
    ck_assert_int_eq(errno, EBADF);
    now.tv_sec = -1;
    ck_assert_int_eq(select(fd + 1, &w, NULL, NULL, &now), -1);
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(test_writable_in_poll_and_select)
{
    int fd = divert_ready();
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM};
    struct timeval soon = {.tv_sec = SOON_MS / 1000};
    fd_set r, w;

    ck_assert_int_eq(poll(&p, 1, SOON_MS), 1);
    ck_assert_int_eq(p.revents, POLLOUT | POLLWRNORM);
    send_and_wait(fd);
    ck_assert_int_eq(poll(&p, 1, SOON_MS), 1);
    ck_assert_int_eq(p.revents, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    FD_ZERO(&r);
    FD_SET(fd, &r);
    w = r;
    ck_assert_int_eq(select(fd + 1, &r, &w, NULL, &soon), 2);
    read_small(fd);
    w = r;
    ck_assert_int_eq(select(fd + 1, &r, &w, NULL, &soon), 1);
    ck_assert(!FD_ISSET(fd, &r) && FD_ISSET(fd, &w));
    p.events = POLLRDNORM;
    ck_assert_int_eq(poll(&p, 1, 0), 0);
}
END_TEST

START_TEST(test_poll_twice_closed_and_negative)
{
    int fd = divert_ready();
    struct pollfd p[] = {{fd, POLLIN, 0}, {-1, POLLIN, 9}, {fd, POLLOUT, 0}, {999, POLLIN, 0}};

    ck_assert_int_eq(poll(p, 4, SOON_MS), 2);
    ck_assert_int_eq(p[0].revents, 0);
    ck_assert_int_eq(p[1].revents, 0);
    ck_assert_int_eq(p[2].revents, POLLOUT);
    ck_assert_int_eq(p[3].revents, POLLNVAL);
    send_small(1);
    ck_assert_int_eq(poll(p, 1, SOON_MS), 1);
    ck_assert_int_eq(poll(p, 3, SOON_MS), 2);
    p[0].events = 0;
    ck_assert_int_eq(poll(p, 1, 0), 0);
}
END_TEST

START_TEST(test_many_in_one_select)
{
    int fd = divert_ready(), max = fd;
    fd_set all, set, expected;

    FD_ZERO(&expected);
    FD_SET(fd, &expected);
    all = expected;
    for (int i = 1; i <= 200; i++) {
        max = divert_bound(PORT + i);
        FD_SET(max, &all);
    }
    for (int round = 0; round < 2; round++) {
        set = all;
        send_small(1);
        ck_assert_int_eq(select(max + 1, &set, NULL, NULL, NULL), 1);
        ck_assert_mem_eq(&set, &expected, sizeof(set));
        read_small(fd);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_select_beyond_1024,          test_select_sets,
        test_writable_in_poll_and_select, test_poll_twice_closed_and_negative,
        test_many_in_one_select,
    };

    return run_suite("poll and select", tests, sizeof(tests) / sizeof(tests[0]));
}
