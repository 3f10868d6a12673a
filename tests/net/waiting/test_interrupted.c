/* SPDX-License-Identifier: BSD-2-Clause */
/* What ends a wait on a divert socket: packets, and signals, depending on their handlers' flags. */
#include "make_packet.h"
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static uint8_t packet[2000], got[2000];
static size_t len;
static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
    (void)sig;
    signals++;
}

static void expect_interrupted(ssize_t result)
{
    ck_assert_msg(result == -1 && errno == EINTR, "expected EINTR, got %zd, %s", result,
                  strerror(errno));
}

static void count_sigalrm(int flags)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = flags};

    sigaction(SIGALRM, &action, NULL);
}

/* Forks a child that sends the signal each time that the test sleeps, until it is killed. */
static pid_t send_while_asleep(int sig)
{
    pid_t test = getpid(), child = fork();

    if (child)
        return child;
    for (;;) {
        wait_until_asleep(test);
        kill(test, sig);
        usleep(10000);
    }
}

START_TEST(test_signal_interrupts_a_read)
{
    int fd = divert_bound(PORT);
    pid_t child;

    count_sigalrm(0);
    child = send_while_asleep(SIGALRM);
    expect_interrupted(read(fd, got, sizeof(got)));
    kill(child, SIGKILL);
    ck_assert_int_ge(signals, 1);
}
END_TEST

static int restarted_fd;

static void send_from_handler(int sig)
{
    (void)sig;
    if (signals++ == 1)
        wire_send(&in0, packet, len);
}

START_TEST(test_sa_restart_goes_on_reading)
{
    struct itimerval timer = {{0, 50000}, {0, 50000}};
    struct sigaction action = {.sa_handler = send_from_handler, .sa_flags = SA_RESTART};

    signal(SIGTERM, SIG_DFL); /* the test framework's handlers are without */
    signal(SIGINT, SIG_DFL);
    restarted_fd = divert_bound(PORT);
    divert_incoming(PORT);
    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    ck_assert_int_eq(read(restarted_fd, got, sizeof(got)), (ssize_t)len);
    ck_assert_int_ge(signals, 2);
}
END_TEST

static volatile sig_atomic_t interrupted;

/* Like handlers that are to run once. */
static void interrupt_once(int sig)
{
    interrupted++;
    signal(sig, SIG_IGN);
}

/* SIGALRM interrupts once; the packet is sent by the handler of SIGUSR1, which does not. */
static void start_mixed(void)
{
    struct sigaction one = {.sa_handler = interrupt_once}, other = {.sa_flags = SA_RESTART};

    other.sa_handler = send_from_handler;
    sigaction(SIGALRM, &one, NULL);
    sigaction(SIGUSR1, &other, NULL);
    restarted_fd = divert_bound(PORT);
    divert_incoming(PORT);
    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
}

/* Sends a packet when the test sleeps in poll, and expects poll to return. */
static void expect_to_wake(struct pollfd *fds, nfds_t count)
{
    pid_t test = getpid(), child = fork();

    if (child == 0) {
        wait_until_asleep(test);
        wire_send(&in0, packet, len);
        pause(); /* the end of the process would wake the test, too */
    }
    ck_assert_int_eq(poll(fds, count, -1), 1);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

START_TEST(test_poll_wakes_for_each_event_of_reading)
{
    static const short asked[] = {POLLIN, POLLRDNORM, POLLIN | POLLRDNORM};
    struct pollfd fds[100];
    int fd;

    setenv("DIVERTSHIM_HOLD_MS", "3600000", 1); /* an overdue packet would wake the test */
    fd = divert_bound(PORT);
    divert_incoming(PORT);
    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
    for (size_t i = 0; i < 2 * sizeof(asked) / sizeof(asked[0]); i++) {
        nfds_t count = i % 2 ? sizeof(fds) / sizeof(fds[0]) : 1;

        memset(fds, 0xff, sizeof(fds)); /* negative descriptors are ignored */
        fds[0] = (struct pollfd){.fd = fd, .events = asked[i / 2]};
        expect_to_wake(fds, count);
        ck_assert_int_eq(fds[0].events, asked[i / 2]);
        ck_assert_int_eq(fds[0].revents, asked[i / 2]);
        ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    }
}
END_TEST

static void expect_packet_past_signals(int sig)
{
    pid_t child = send_while_asleep(sig);

    signals = 0;
    ck_assert_int_eq(read(restarted_fd, got, sizeof(got)), (ssize_t)len);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert_int_ge(signals, 2);
}

START_TEST(test_read_goes_on_by_the_handler_that_ran)
{
    pid_t child;

    start_mixed();
    expect_packet_past_signals(SIGUSR1);
    interrupted = 0;
    child = send_while_asleep(SIGALRM);
    expect_interrupted(read(restarted_fd, got, sizeof(got)));
    kill(child, SIGKILL);
    ck_assert_int_ge(interrupted, 1);
}
END_TEST

START_TEST(test_read_is_not_interrupted_by_a_blocked_signal)
{
    sigset_t blocked;

    start_mixed();
    expect_packet_past_signals(SIGUSR1);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGALRM);
    expect_packet_past_signals(SIGUSR1);
}
END_TEST

START_TEST(test_poll_is_not_restarted)
{
    struct pollfd p = {.fd = divert_bound(PORT), .events = POLLIN};
    pid_t child;

    count_sigalrm(SA_RESTART);
    child = send_while_asleep(SIGALRM);
    expect_interrupted(poll(&p, 1, SOON_MS));
    kill(child, SIGKILL);
}
END_TEST

START_TEST(test_receive_timeout_is_not_restarted)
{
    struct timeval time = {.tv_sec = SOON_MS / 1000};
    int fd = divert_bound(PORT);
    pid_t child;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    count_sigalrm(SA_RESTART);
    child = send_while_asleep(SIGALRM);
    expect_interrupted(read(fd, got, sizeof(got)));
    kill(child, SIGKILL);
}
END_TEST

static const struct timespec longest = {.tv_sec = LONG_MAX};

/* In nanoseconds it overflows: it must not end before the signal comes. */
START_TEST(test_longest_timeout_does_not_end_the_wait)
{
    struct timeval longest_select = {.tv_sec = LONG_MAX}, longest_read = longest_select;
    int fd = divert_bound(PORT), epoll = epoll_create1(0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct epoll_event event = {.events = EPOLLIN};
    fd_set set;
    pid_t child;

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &longest_read, sizeof(longest_read));
    FD_ZERO(&set);
    FD_SET(fd, &set);
    count_sigalrm(0);
    child = send_while_asleep(SIGALRM);
    expect_interrupted(ppoll(&p, 1, &longest, NULL));
    expect_interrupted(pselect(fd + 1, &set, NULL, NULL, &longest, NULL));
    expect_interrupted(select(fd + 1, &set, NULL, NULL, &longest_select));
#ifdef __GLIBC__ /* musl has no epoll_pwait2() */
    expect_interrupted(epoll_pwait2(epoll, &event, 1, &longest, NULL));
#endif
    expect_interrupted(read(fd, got, sizeof(got)));
    kill(child, SIGKILL);
}
END_TEST

static void expect_invalid(int result)
{
    ck_assert_msg(result == -1 && errno == EINVAL, "expected EINVAL, got %d, %s", result,
                  strerror(errno));
}

START_TEST(test_invalid_timeouts_are_refused)
{
    static const struct timespec invalid[] = {{-1, 0}, {0, -1}, {0, 1000000000}};
    int fd = divert_bound(PORT), epoll = epoll_create1(0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct epoll_event event = {.events = EPOLLIN};
    fd_set set;

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        struct timespec timeout = invalid[i];
        struct mmsghdr message = {0};

        expect_invalid(ppoll(&p, 1, &timeout, NULL));
        expect_invalid(pselect(fd + 1, &set, NULL, NULL, &timeout, NULL));
#ifdef __GLIBC__
        expect_invalid(epoll_pwait2(epoll, &event, 1, &timeout, NULL));
#endif
        expect_invalid(recvmmsg(fd, &message, 1, 0, &timeout));
    }
}
END_TEST

START_TEST(test_handler_runs_while_a_read_waits)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    sigaction(SIGIO, &action, NULL);
    fcntl(fd, F_SETOWN, getpid());
    fcntl(fd, F_SETFL, O_ASYNC);
    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
    wire_send(&in0, packet, len);
    ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    ck_assert_int_ge(signals, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_signal_interrupts_a_read,
        test_sa_restart_goes_on_reading,
        test_poll_wakes_for_each_event_of_reading,
        test_read_goes_on_by_the_handler_that_ran,
        test_read_is_not_interrupted_by_a_blocked_signal,
        test_poll_is_not_restarted,
        test_receive_timeout_is_not_restarted,
        test_longest_timeout_does_not_end_the_wait,
        test_invalid_timeouts_are_refused,
        test_handler_runs_while_a_read_waits,
    };

    return run_suite("interrupted", tests, sizeof(tests) / sizeof(tests[0]));
}
