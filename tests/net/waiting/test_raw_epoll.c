/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that wait by epoll, through the C library or by system calls of their own, and epoll
 * instances that the library cannot know.
 */
#include "musl.h"
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint8_t got[2000];
static struct epoll_event events[8];

static int raw_epoll_wait(int epoll, int ms)
{
    memset(events, 0, sizeof(events));
    return (int)syscall(SYS_epoll_pwait, epoll, events, 8, ms, NULL, 8);
}

static int libc_epoll_wait(int epoll, int ms)
{
    memset(events, 0, sizeof(events));
    return epoll_wait(epoll, events, 8, ms);
}

static int raw_epoll_on(int fd, uint32_t asked)
{
    int epoll = (int)syscall(SYS_epoll_create1, 0);
    struct epoll_event event = {.events = asked, .data.fd = fd};

    ck_assert_int_ge(epoll, 0);
    ck_assert_int_eq(syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, fd, &event), 0);
    return epoll;
}

static void control(int epoll, int op, int fd, uint32_t asked)
{
    struct epoll_event event = {.events = asked, .data.fd = fd};

    ck_assert_msg(epoll_ctl(epoll, op, fd, &event) == 0, "expected epoll_ctl %d: %s", op,
                  strerror(errno));
}

static int read_until_empty(int fd)
{
    int n = 0;

    while (recv(fd, got, sizeof(got), MSG_DONTWAIT) > 0)
        n++;
    ck_assert_int_eq(errno, EAGAIN);
    return n;
}

START_TEST(test_raw_epoll_pwait_sees_packets)
{
    int fd = divert_ready(), epoll = raw_epoll_on(fd, EPOLLIN);

    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(raw_epoll_wait(epoll, 0), 0);
        send_small(i);
        ck_assert_int_eq(raw_epoll_wait(epoll, SOON_MS), 1);
        ck_assert_uint_eq(events[0].events, EPOLLIN);
        ck_assert_int_eq(events[0].data.fd, fd);
        read_small(fd);
    }
    ck_assert_int_eq(raw_epoll_wait(epoll, 20), 0);
}
END_TEST

START_TEST(test_divert_socket_is_no_epoll_instance)
{
    int fd = divert_ready(), ends[2];
    struct epoll_event event = {.events = EPOLLIN};
    struct timespec now = {0};

    ck_assert_int_eq(pipe(ends), 0);
    send_burst(1);
    ck_assert_int_eq(epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &event), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(epoll_ctl(fd, EPOLL_CTL_DEL, ends[0], &event), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(epoll_wait(fd, events, 8, 0), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(epoll_pwait(fd, events, 8, 0, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(epoll_pwait2(fd, events, 8, &now, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    read_small(fd);
}
END_TEST

/* Tests of epoll run twice: the program waits by the C library, or by the system call. */
static int (*const epoll_waits[])(int epoll, int ms) = {libc_epoll_wait, raw_epoll_wait};

START_TEST(test_edge_for_each_arrival)
{
    int fd = divert_ready(), epoll = epoll_create1(0);
    int (*wait)(int, int) = epoll_waits[_i];

    control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET);
    ck_assert_int_eq(wait(epoll, 0), 0);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 5; i++) {
            send_small(i);
            ck_assert_int_eq(wait(epoll, SOON_MS), 1);
            ck_assert_uint_eq(events[0].events, EPOLLIN);
        }
        ck_assert_int_eq(read_until_empty(fd), 5);
        ck_assert_int_eq(wait(epoll, 20), 0);
    }
    for (unsigned i = 0; i < 5; i++) {
        send_small(i);
        ck_assert_int_eq(wait(epoll, SOON_MS), 1);
        ck_assert_int_eq(read_until_empty(fd), 1);
        ck_assert_int_eq(wait(epoll, 0), 0);
    }
}
END_TEST

START_TEST(test_one_shot_until_it_is_armed_again)
{
    int fd = divert_ready(), epoll = epoll_create1(0);
    int (*wait)(int, int) = epoll_waits[_i];

    control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT);
    for (unsigned i = 0; i < 3; i++) {
        send_burst(2);
        ck_assert_int_eq(wait(epoll, SOON_MS), 1);
        ck_assert_uint_eq(events[0].events, EPOLLIN);
        ck_assert_int_eq(wait(epoll, 20), 0);
        control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT);
        ck_assert_int_eq(wait(epoll, SOON_MS), 1);
        read_small(fd);
        control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT);
        ck_assert_int_eq(wait(epoll, SOON_MS), 1);
        read_small(fd);
        control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT);
        ck_assert_int_eq(wait(epoll, 0), 0);
    }
}
END_TEST

START_TEST(test_exclusive_is_accepted)
{
    int fd = divert_ready(), first = epoll_create1(0), second = epoll_create1(0);
    int (*wait)(int, int) = epoll_waits[_i];

    control(first, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE);
    control(second, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE);
    ck_assert_int_eq(wait(first, 0), 0);
    for (unsigned i = 0; i < 3; i++) {
        send_small(i);
        ck_assert_int_eq(wait(i % 2 ? first : second, SOON_MS), 1);
        ck_assert_uint_eq(events[0].events, EPOLLIN);
        read_small(fd);
        ck_assert_int_eq(wait(i % 2 ? first : second, 20), 0);
    }
}
END_TEST

/* All events that are reported for the descriptor, together or one by one. */
static uint32_t reported(int epoll, int fd, int ms)
{
    int n = epoll_wait(epoll, events, 8, ms);
    uint32_t all = 0;

    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(events[i].data.fd, fd);
        all |= events[i].events;
    }
    return all;
}

START_TEST(test_writable_in_epoll_until_it_is_changed)
{
    int fd = divert_ready(), epoll = epoll_create1(0);

    control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT);
    ck_assert_uint_eq(reported(epoll, fd, SOON_MS), EPOLLOUT);
    ck_assert_uint_eq(reported(epoll, fd, SOON_MS), EPOLLOUT);
    send_burst(1);
    ck_assert_uint_eq(reported(epoll, fd, SOON_MS), EPOLLIN | EPOLLOUT);
    control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN);
    ck_assert_uint_eq(reported(epoll, fd, SOON_MS), EPOLLIN);
    read_small(fd);
    ck_assert_uint_eq(reported(epoll, fd, 20), 0);
    control(epoll, EPOLL_CTL_MOD, fd, EPOLLOUT);
    ck_assert_uint_eq(reported(epoll, fd, SOON_MS), EPOLLOUT);
    send_burst(1);
    ck_assert_uint_eq(reported(epoll, fd, SOON_MS), EPOLLOUT);
    control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
    ck_assert_uint_eq(reported(epoll, fd, SOON_MS), EPOLLIN | EPOLLOUT);
    ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), 0);
    ck_assert_uint_eq(reported(epoll, fd, 20), 0);
    control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN);
    ck_assert_uint_eq(reported(epoll, fd, SOON_MS), EPOLLIN);
    read_small(fd);
    ck_assert_uint_eq(reported(epoll, fd, 0), 0);
}
END_TEST

START_TEST(test_instance_inside_another_before_its_first_socket)
{
    int fd = divert_ready(), inner = epoll_create1(0), outer = epoll_create1(0);
    int (*wait)(int, int) = epoll_waits[_i];

    control(outer, EPOLL_CTL_ADD, inner, EPOLLIN);
    control(inner, EPOLL_CTL_ADD, fd, EPOLLIN);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(wait(outer, 0), 0);
        send_burst(2);
        ck_assert_int_eq(wait(outer, SOON_MS), 1);
        ck_assert_int_eq(events[0].data.fd, inner);
        read_small(fd);
        ck_assert_int_eq(wait(outer, SOON_MS), 1);
        ck_assert_int_eq(wait(inner, SOON_MS), 1);
        ck_assert_int_eq(events[0].data.fd, fd);
        ck_assert_int_eq(poll(&(struct pollfd){.fd = outer, .events = POLLIN}, 1, 0), 1);
        read_small(fd);
    }
    ck_assert_int_eq(wait(outer, 20), 0);
}
END_TEST

struct waiting {
    int (*wait)(int epoll, int ms);
    int epoll;
    _Atomic pid_t tid; /* of the thread that waits; 0 before it does */
};

static void *wait_for_instance(void *arg)
{
    struct waiting *w = arg;

    w->tid = gettid();
    return (void *)(intptr_t)w->wait(w->epoll, 2 * SOON_MS);
}

START_TEST(test_socket_is_added_while_a_thread_waits)
{
    int fd = divert_ready();
    struct waiting w = {epoll_waits[_i], epoll_create1(0), 0};
    pthread_t thread;
    void *result;

    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_instance, &w), 0);
    while (w.tid == 0)
        usleep(100);
    wait_until_asleep(w.tid);
    control(w.epoll, EPOLL_CTL_ADD, fd, EPOLLIN);
    send_small(0);
    pthread_join(thread, &result);
    ck_assert_int_eq((intptr_t)result, 1);
    ck_assert_int_eq(events[0].data.fd, fd);
    read_small(fd);
}
END_TEST

/* The executed program waits with the instance that it inherited. */
static int wait_and_read(const char *how, int epoll, int fd)
{
    int (*wait)(int, int) = epoll_waits[how[0] == 'r'];

    for (int i = 0; i < 2; i++) {
        if (wait(epoll, SOON_MS) != 1)
            return 10 + i;
        if (events[0].data.fd != fd)
            return 20;
        if (recv(fd, got, sizeof(got), MSG_DONTWAIT) != SMALL_PACKET)
            return 30;
    }
    return wait(epoll, 20) == 0 ? 0 : 40;
}

START_TEST(test_instance_is_inherited_over_exec)
{
    int fd = divert_ready(), epoll = epoll_create1(0), status;
    char *how = _i ? "raw" : "libc";
    pid_t pid;

    control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN);
    pid = fork();
    if (pid == 0) {
        char first[16], second[16];

        snprintf(first, sizeof(first), "%d", epoll);
        snprintf(second, sizeof(second), "%d", fd);
        execl("/proc/self/exe", "test", how, first, second, (char *)NULL);
        _exit(100);
    }
    send_small(0);
    send_small(1);
    status = wait_for_child(pid);
    ck_assert_msg(status == 0, "expected the program to read with %s, status 0x%x", how, status);
}
END_TEST

/* In a child that was made without the C library's fork handlers. */
START_TEST(test_instance_is_inherited_by_a_raw_child)
{
    int fd = divert_ready(), epoll = epoll_create1(0), status;
    pid_t pid;

    control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN);
    pid = _Fork();
    if (pid == 0)
        _exit(wait_and_read(_i ? "raw" : "libc", epoll, fd));
    send_small(0);
    send_small(1);
    status = wait_for_child(pid);
    ck_assert_msg(status == 0, "expected the child to read, status 0x%x", status);
}
END_TEST

int main(int argc, char *argv[])
{
    const TTest *const tests[] = {
        test_raw_epoll_pwait_sees_packets,
        test_divert_socket_is_no_epoll_instance,
        test_writable_in_epoll_until_it_is_changed,
    };
    const TTest *const each_wait[] = {
        test_edge_for_each_arrival,
        test_one_shot_until_it_is_armed_again,
        test_exclusive_is_accepted,
        test_instance_inside_another_before_its_first_socket,
        test_socket_is_added_while_a_thread_waits,
        test_instance_is_inherited_over_exec,
        test_instance_is_inherited_by_a_raw_child,
    };
    int failed;

    if (argc == 4)
        return wait_and_read(argv[1], atoi(argv[2]), atoi(argv[3]));
    failed = run_suite("raw epoll", tests, sizeof(tests) / sizeof(tests[0]));
    failed |= run_suite_with("each wait", each_wait, sizeof(each_wait) / sizeof(each_wait[0]), 2);
    return failed;
}
