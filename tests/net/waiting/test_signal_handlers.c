/* SPDX-License-Identifier: BSD-2-Clause */
/* Signal handlers that use the divert socket while the program is in the middle of a call on it. */
#include "make_packet.h"
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>

#define NUMBERS      1000000
#define PERIOD_US    1000
#define AHEAD        200
#define WAIT_MS      10
#define INJECTED_MAX 1000000

static int fd, epoll_fd;
static _Atomic uint32_t taken, in_handlers;
static _Atomic int failures, failure;
static volatile sig_atomic_t runs; /* of the handler */

static void note_failure(int error)
{
    failures++;
    failure = error;
}

static void expect_no_failure(void)
{
    ck_assert_msg(failures == 0, "expected no call to fail, %d did with %s", failures,
                  strerror(failure));
}

/* Passes one packet on. Each caller has memory of its own: the handler may interrupt the other. */
static bool pass_one(int flags)
{
    uint8_t packet[200];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    ssize_t n = recvfrom(fd, packet, sizeof(packet), flags, (struct sockaddr *)&from, &size);

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            note_failure(errno);
        return false;
    }
    if (sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&from, size) != n)
        note_failure(errno);
    taken++;
    return true;
}

/* ---- what the handlers do ---- */

static void handler_reads_and_writes(void)
{
    in_handlers += pass_one(MSG_DONTWAIT);
}

static void handler_polls(void)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (poll(&p, 1, 0) < 0)
        note_failure(errno);
    in_handlers += pass_one(MSG_DONTWAIT);
}

static void handler_selects(void)
{
    struct timeval now = {0};
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    if (select(fd + 1, &set, NULL, NULL, &now) < 0)
        note_failure(errno);
    in_handlers += pass_one(MSG_DONTWAIT);
}

static void handler_copies_and_closes(void)
{
    int copy = dup(fd);

    if (copy < 0 || close(copy) < 0)
        note_failure(errno);
    in_handlers += pass_one(MSG_DONTWAIT);
}

static void handler_forks(void)
{
    pid_t pid;

    in_handlers += pass_one(MSG_DONTWAIT);
    if (runs % 8)
        return;
    pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid < 0)
        note_failure(errno);
}

static void handler_forks_raw(void)
{
    pid_t pid;

    in_handlers += pass_one(MSG_DONTWAIT);
    if (runs % 8)
        return;
    pid = _Fork();
    if (pid == 0)
        _exit(0);
    if (pid < 0)
        note_failure(errno);
}

static void handler_watches(void)
{
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ||
        epoll_wait(epoll, &event, 1, 0) < 0 || close(epoll) < 0)
        note_failure(errno);
    in_handlers += pass_one(MSG_DONTWAIT);
}

static void handler_opens_another(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT + 1)};
    int other = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT);

    if (other < 0 || bind(other, (struct sockaddr *)&any, sizeof(any)) < 0 || close(other) < 0)
        note_failure(errno);
    in_handlers += pass_one(MSG_DONTWAIT);
}

static void (*const handlers[])(void) = {
    handler_reads_and_writes,  handler_polls,         handler_selects,
    handler_copies_and_closes, handler_forks,         handler_forks_raw,
    handler_watches,           handler_opens_another,
};
#define HANDLERS ((int)(sizeof(handlers) / sizeof(handlers[0])))

static void (*handler)(void);

static void on_timer(int sig)
{
    int saved = errno;

    (void)sig;
    runs++;
    handler();
    errno = saved;
}

static void timer_start(void (*run)(void))
{
    struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    struct itimerval timer = {{0, PERIOD_US}, {0, PERIOD_US}};

    handler = run;
    signal(SIGCHLD, SIG_IGN);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void timer_stop(void)
{
    struct itimerval timer = {0};

    setitimer(ITIMER_REAL, &timer, NULL);
    signal(SIGALRM, SIG_IGN);
}

/* ---- what the program does meanwhile ---- */

static void wait_in_turn(unsigned turn)
{
    struct timeval time = {.tv_usec = WAIT_MS * 1000};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct epoll_event event;
    fd_set set;

    switch (turn % 4) {
    case 0:
        poll(&p, 1, WAIT_MS);
        return;
    case 1:
        FD_ZERO(&set);
        FD_SET(fd, &set);
        select(fd + 1, &set, NULL, NULL, &time);
        return;
    case 2:
        epoll_wait(epoll_fd, &event, 1, WAIT_MS);
        return;
    default:
        return; /* the read itself waits */
    }
}

static void make_socket(void)
{
    struct timeval time = {.tv_usec = WAIT_MS * 1000};
    struct epoll_event event = {.events = EPOLLIN};

    fd = divert_ready();
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), 0);
    epoll_fd = epoll_create1(0);
    ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
    wires_keep_little();
}

/* Passes on what is still on its way; the handler may have taken the last one. */
static void pass_the_rest(uint32_t sent)
{
    double end = stress_clock() + SOON_MS / 1000.0;

    for (unsigned turn = 0; taken < sent && stress_clock() < end; turn++) {
        wait_in_turn(turn);
        pass_one(turn % 2 ? MSG_DONTWAIT : 0);
    }
}

START_TEST(test_handler_uses_the_socket_the_program_is_using)
{
    double end = stress_end();
    struct flood flood;
    uint32_t sent;

    make_socket();
    collect_start(NUMBERS);
    flood_start(&flood, &taken, AHEAD, NUMBERS);
    timer_start(handlers[_i]);
    for (unsigned turn = 0; stress_clock() < end; turn++) {
        wait_in_turn(turn);
        pass_one(turn % 2 ? MSG_DONTWAIT : 0);
    }
    sent = flood_stop(&flood);
    pass_the_rest(sent);
    timer_stop();
    expect_no_failure();
    ck_assert_uint_eq(taken, sent);
    ck_assert_uint_gt(runs, 10);
    collect_each_once(sent);
}
END_TEST

/* The handler reads and writes everything; the program only waits. */
START_TEST(test_handler_reads_while_the_program_waits)
{
    double end = stress_end();
    struct flood flood;
    uint32_t sent;

    make_socket();
    collect_start(NUMBERS);
    flood_start(&flood, &taken, AHEAD, NUMBERS);
    timer_start(handlers[_i]);
    for (unsigned turn = 0; stress_clock() < end; turn += turn % 4 == 2 ? 2 : 1)
        wait_in_turn(turn);
    sent = flood_stop(&flood);
    timer_stop();
    pass_the_rest(sent);
    expect_no_failure();
    ck_assert_uint_eq(taken, sent);
    ck_assert_uint_gt(in_handlers, 10);
    collect_each_once(sent);
}
END_TEST

/* ---- packets that no verdict can send ---- */

static _Atomic uint32_t next;
static struct sockaddr_in to;

static void inject_one(void)
{
    uint8_t packet[SMALL_PACKET];
    uint32_t number = next++;

    make_small(packet, number);
    if (sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)) != SMALL_PACKET)
        note_failure(errno);
}

static const char *const injected_to[] = {ANY, IN_ADDRESS};

START_TEST(test_handler_injects_while_the_program_injects)
{
    double end = stress_end();

    fd = divert_bound(PORT);
    wires_keep_little();
    to = address_make(injected_to[_i], 0);
    collect_start(INJECTED_MAX);
    timer_start(inject_one);
    while (stress_clock() < end && next < INJECTED_MAX - 100000)
        inject_one();
    timer_stop();
    expect_no_failure();
    ck_assert_uint_gt(runs, 10);
    collect_each_once(next);
}
END_TEST

int main(void)
{
    const TTest *const each_handler[] = {
        test_handler_uses_the_socket_the_program_is_using,
        test_handler_reads_while_the_program_waits,
    };
    const TTest *const injecting[] = {test_handler_injects_while_the_program_injects};
    int failed;

    stress_allow_time();
    failed = run_suite_with("signal handlers", each_handler, 2, HANDLERS);
    failed |= run_suite_with("injecting handlers", injecting, 1, 2);
    return failed;
}
