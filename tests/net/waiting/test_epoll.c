/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for divert sockets by all forms of epoll. */
#include "make_packet.h"
#include "musl.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SOON 10000 /* only a failure takes that long */

static uint8_t packet[2000], got[2000];
static size_t len;
static struct epoll_event events[8];

static void send_one(const char *payload)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, strlen(payload));
    wire_send(&in0, packet, len);
}

static void control(int epoll, int op, int fd, uint32_t asked, uint64_t data)
{
    struct epoll_event event = {.events = asked, .data.u64 = data};

    ck_assert_msg(epoll_ctl(epoll, op, fd, &event) == 0, "expected epoll_ctl %d: %s", op,
                  strerror(errno));
}

static int epoll_on(int fd, uint32_t asked)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    ck_assert_int_ge(epoll, 0);
    control(epoll, EPOLL_CTL_ADD, fd, asked, (uint64_t)fd);
    return epoll;
}

static void expect_event(int epoll, uint32_t expected)
{
    memset(events, 0, sizeof(events));
    ck_assert_int_eq(epoll_wait(epoll, events, 8, SOON), 1);
    ck_assert_uint_eq(events[0].events, expected);
}

static void expect_none(int epoll)
{
    ck_assert_int_eq(epoll_wait(epoll, events, 8, 0), 0);
    ck_assert_int_eq(epoll_wait(epoll, events, 8, 20), 0);
}

static void read_all(int fd, int expected)
{
    int n = 0;

    while (recv(fd, got, sizeof(got), MSG_DONTWAIT) > 0)
        n++;
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(n, expected);
}

START_TEST(test_level_triggered)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN);

    expect_none(epoll);
    for (int i = 0; i < 3; i++) {
        send_one("a");
        send_one("b");
        expect_event(epoll, EPOLLIN);
        ck_assert_int_eq(events[0].data.fd, fd);
        ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
        expect_event(epoll, EPOLLIN);
        read_all(fd, 1);
        expect_none(epoll);
    }
}
END_TEST

START_TEST(test_packets_that_were_there_before)
{
    int fd = divert_ready(), epoll;

    send_one("a");
    send_one("b");
    ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    epoll = epoll_on(fd, EPOLLIN);
    expect_event(epoll, EPOLLIN);
    read_all(fd, 1);
    expect_none(epoll);
}
END_TEST

START_TEST(test_edge_triggered)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN | EPOLLET);

    for (int i = 0; i < 3; i++) {
        for (int n = 0; n < 100; n++)
            send_one("x");
        expect_event(epoll, EPOLLIN);
        expect_none(epoll);
        read_all(fd, 100);
        expect_none(epoll);
    }
}
END_TEST

START_TEST(test_one_shot)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN | EPOLLONESHOT);

    for (int i = 0; i < 3; i++) {
        send_one("x");
        expect_event(epoll, EPOLLIN);
        expect_none(epoll);
        control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 1);
        expect_event(epoll, EPOLLIN);
        ck_assert_uint_eq(events[0].data.u64, 1);
        read_all(fd, 1);
        control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 1);
    }
}
END_TEST

START_TEST(test_writable_and_rdnorm)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLOUT);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    expect_event(epoll, EPOLLOUT);
    control(epoll, EPOLL_CTL_MOD, fd, EPOLLRDNORM | EPOLLWRNORM, 1);
    expect_event(epoll, EPOLLWRNORM);
    send_one("x");
    ck_assert_int_eq(poll(&p, 1, SOON), 1);
    expect_event(epoll, EPOLLWRNORM | EPOLLRDNORM | EPOLLIN);
    control(epoll, EPOLL_CTL_MOD, fd, EPOLLRDNORM, 1);
    expect_event(epoll, EPOLLRDNORM | EPOLLIN);
    read_all(fd, 1);
    expect_none(epoll);
    control(epoll, EPOLL_CTL_MOD, fd, 0, 1);
    send_one("x");
    expect_none(epoll);
}
END_TEST

START_TEST(test_errors_are_the_kernels)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN);
    struct epoll_event event = {.events = EPOLLIN};

    ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), -1);
    ck_assert_int_eq(errno, EEXIST);
    ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), 0);
    ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), -1);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(epoll_ctl(fd, EPOLL_CTL_ADD, fd, &event), -1);
    ck_assert_int_eq(errno, EINVAL);
    control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 0);
    ck_assert_int_eq(epoll_wait(epoll, events, 0, 0), -1);
    ck_assert_int_eq(errno, EINVAL);
    send_one("x");
    ck_assert_int_eq(epoll_wait(epoll, events, 0, SOON), -1);
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(test_closing_takes_it_out)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN);

    send_one("x");
    expect_event(epoll, EPOLLIN);
    close(fd);
    expect_none(epoll);
    fd = divert_bound(PORT);
    control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 0);
    send_one("x");
    expect_event(epoll, EPOLLIN);
    close(epoll);
    epoll = epoll_on(fd, EPOLLIN);
    expect_event(epoll, EPOLLIN);
}
END_TEST

START_TEST(test_several_sockets_and_others)
{
    int fd = divert_ready(), second = divert_bound(PORT + 1), pipes[2];
    int epoll = epoll_on(fd, EPOLLIN), n = 0;
    struct sockaddr_in from;

    control(epoll, EPOLL_CTL_ADD, second, EPOLLIN, (uint64_t)second);
    ck_assert_int_eq(pipe(pipes), 0);
    control(epoll, EPOLL_CTL_ADD, pipes[0], EPOLLIN, (uint64_t)pipes[0]);
    divert_outgoing(PORT + 1);
    send_one("x");
    expect_event(epoll, EPOLLIN);
    ck_assert_int_eq(events[0].data.fd, fd);
    divert_read(fd, got, sizeof(got), &from);
    divert_write(fd, got, len, &from);
    expect_event(epoll, EPOLLIN);
    ck_assert_int_eq(events[0].data.fd, second);
    send_one("y");
    ck_assert_int_eq(write(pipes[1], "x", 1), 1);
    for (int i = 0; i < 100 && n != 3; i++)
        n = epoll_wait(epoll, events, 8, SOON);
    ck_assert_int_eq(n, 3);
}
END_TEST

/* Packets of one socket do not hide those of another for long. */
START_TEST(test_socket_beside_one_that_always_has_packets)
{
    int fd = divert_ready(), second = divert_bound(PORT + 1);
    struct pollfd p[] = {{fd, POLLIN, 0}, {second, POLLIN, 0}};
    struct sockaddr_in from;

    divert_outgoing(PORT + 1);
    for (int i = 0; i < 20; i++)
        send_one("x");
    ck_assert_int_eq(poll(p, 2, SOON), 1);
    for (int i = 0; i < 5; i++) {
        divert_read(fd, got, sizeof(got), &from);
        divert_write(fd, got, len, &from);
    }
    for (int i = 0; i < SOON && poll(p, 2, SOON) == 1; i++)
        usleep(1000);
    ck_assert_int_eq(p[0].revents, POLLIN);
    ck_assert_int_eq(p[1].revents, POLLIN);
}
END_TEST

START_TEST(test_epoll_in_poll_and_select)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN);
    struct pollfd p = {.fd = epoll, .events = POLLIN};
    struct timeval now = {0}, soon = {.tv_sec = SOON / 1000};
    fd_set set;

    ck_assert_int_eq(poll(&p, 1, 20), 0);
    send_one("x");
    ck_assert_int_eq(poll(&p, 1, SOON), 1);
    ck_assert_int_eq(p.revents, POLLIN);
    FD_ZERO(&set);
    FD_SET(epoll, &set);
    ck_assert_int_eq(select(epoll + 1, &set, NULL, NULL, &soon), 1);
    read_all(fd, 1);
    ck_assert_int_eq(poll(&p, 1, 0), 0);
    ck_assert_int_eq(select(epoll + 1, &set, NULL, NULL, &now), 0);
    send_one("x");
    FD_SET(epoll, &set);
    ck_assert_int_eq(select(epoll + 1, &set, NULL, NULL, NULL), 1);
}
END_TEST

START_TEST(test_epoll_in_epoll)
{
    int fd = divert_ready(), inner = epoll_on(fd, EPOLLIN), outer = epoll_on(inner, EPOLLIN);
    struct pollfd p = {.fd = outer, .events = POLLIN};

    expect_none(outer);
    send_one("x");
    expect_event(outer, EPOLLIN);
    ck_assert_int_eq(events[0].data.fd, inner);
    expect_event(inner, EPOLLIN);
    ck_assert_int_eq(poll(&p, 1, SOON), 1);
    read_all(fd, 1);
    expect_none(outer);
    send_one("y");
    ck_assert_int_eq(poll(&p, 1, SOON), 1);
}
END_TEST

START_TEST(test_copy_of_the_instance)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN), copy = dup(epoll);
    int second = fcntl(epoll, F_DUPFD_CLOEXEC, 40), third = dup2(epoll, 60);

    close(epoll);
    send_one("x");
    expect_event(copy, EPOLLIN);
    expect_event(second, EPOLLIN);
    expect_event(third, EPOLLIN);
    read_all(fd, 1);
    expect_none(second);
}
END_TEST

static void on_signal(int sig)
{
    (void)sig;
}

static void block_alarm(sigset_t *open)
{
    struct itimerval timer = {.it_value = {0, 50000}};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t blocked;

    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_BLOCK, &blocked, open);
    sigdelset(open, SIGALRM);
    setitimer(ITIMER_REAL, &timer, NULL);
}

START_TEST(test_masks)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN);
    struct timespec soon = {.tv_sec = SOON / 1000}, now = {0};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    fd_set set;
    sigset_t open;

    block_alarm(&open);
    ck_assert_int_eq(epoll_pwait(epoll, events, 8, SOON, &open), -1);
    ck_assert_int_eq(errno, EINTR);
    block_alarm(&open);
    ck_assert_int_eq(epoll_pwait2(epoll, events, 8, &soon, &open), -1);
    ck_assert_int_eq(errno, EINTR);
    block_alarm(&open);
    ck_assert_int_eq(ppoll(&p, 1, &soon, &open), -1);
    ck_assert_int_eq(errno, EINTR);
    block_alarm(&open);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    ck_assert_int_eq(pselect(fd + 1, &set, NULL, NULL, &soon, &open), -1);
    ck_assert_int_eq(errno, EINTR);
    ck_assert_int_eq(epoll_pwait2(epoll, events, 8, &now, NULL), 0);
    send_one("x");
    ck_assert_int_eq(epoll_pwait2(epoll, events, 8, NULL, NULL), 1);
}
END_TEST

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(test_timeouts)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct timeval time = {0, 100000};
    double start = seconds();
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    ck_assert_int_eq(poll(&p, 1, 100), 0);
    ck_assert_int_eq(epoll_wait(epoll, events, 8, 100), 0);
    ck_assert_int_eq(select(fd + 1, &set, NULL, NULL, &time), 0);
    ck_assert(seconds() - start > 0.29 && seconds() - start < 2);
    ck_assert_int_eq(time.tv_sec, 0);
    ck_assert_int_eq(time.tv_usec, 0);
}
END_TEST

/* The kernel's answer may not be a packet, as to a verdict for a packet that is gone. */
START_TEST(test_never_readable_without_a_packet)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN);
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDNORM};
    struct timeval time = {0, 50000};
    fd_set set;

    send_one("x");
    ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    run("iptables -t raw -F");
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){1 << 20}, sizeof(int)), 0);
    run("ip link set in0 down; ip link set in0 up"); /* which drops what is queued for in0 */
    divert_write(fd, got, len, NULL);                /* its verdict is answered with ENOENT */
    ck_assert_int_eq(poll(&p, 1, 50), 0);
    expect_none(epoll);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    ck_assert_int_eq(select(fd + 1, &set, NULL, NULL, &time), 0);
    ck_assert(divert_silent(fd));
}
END_TEST

START_TEST(test_raw_read_fails_and_takes_nothing)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN);
    uint64_t count;

    for (int i = 0; i < 2; i++) {
        send_one("a");
        expect_event(epoll, EPOLLIN);
        ck_assert_int_eq(syscall(SYS_read, fd, &count, sizeof(count)), -1);
        ck_assert_int_eq(errno, EINVAL);
        expect_event(epoll, EPOLLIN);
        read_all(fd, 1);
        expect_none(epoll);
    }
}
END_TEST

static void *send_later(void *arg)
{
    usleep(50000);
    send_one(arg);
    return NULL;
}

START_TEST(test_waiting_threads_wake)
{
    int fd = divert_ready(), epoll = epoll_on(fd, EPOLLIN);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    pthread_t thread;

    pthread_create(&thread, NULL, send_later, "x");
    expect_event(epoll, EPOLLIN);
    pthread_join(thread, NULL);
    read_all(fd, 1);
    pthread_create(&thread, NULL, send_later, "y");
    ck_assert_int_eq(poll(&p, 1, SOON), 1);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(test_many_watched)
{
    int epoll = epoll_create1(0), fd = divert_ready();

    for (int i = 1; i < 200; i++)
        control(epoll, EPOLL_CTL_ADD, divert_bound(PORT + i), EPOLLIN, (uint64_t)i);
    control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, 1000);
    send_one("x");
    expect_event(epoll, EPOLLIN);
    ck_assert_uint_eq(events[0].data.u64, 1000);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_level_triggered,
        test_packets_that_were_there_before,
        test_edge_triggered,
        test_one_shot,
        test_writable_and_rdnorm,
        test_errors_are_the_kernels,
        test_closing_takes_it_out,
        test_several_sockets_and_others,
        test_socket_beside_one_that_always_has_packets,
        test_epoll_in_poll_and_select,
        test_epoll_in_epoll,
        test_copy_of_the_instance,
        test_masks,
        test_timeouts,
        test_never_readable_without_a_packet,
        test_raw_read_fails_and_takes_nothing,
        test_waiting_threads_wake,
        test_many_watched,
    };

    return run_suite("epoll", tests, sizeof(tests) / sizeof(tests[0]));
}
