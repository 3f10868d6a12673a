/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that share a divert socket, or have one each. Also run under ThreadSanitizer. */
#include "make_packet.h"
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#define THREADS 4
#define PACKETS 2000

static uint8_t packet[2000];
static _Atomic int handled, failures;

/* Sends a packet with that number as id and payload. */
static void send_numbered(uint32_t number, uint16_t port)
{
    size_t len = make_udp(packet, IN_PEER, 1111, OUT_PEER, port, (uint16_t)(number + 1), &number,
                          sizeof(number));

    wire_send(&in0, packet, len);
}

/* Expects each number from 0 up to, but not including, COUNT at the far end, once. */
static void expect_each_once(int count)
{
    static uint8_t seen[PACKETS], got[2000];

    memset(seen, 0, sizeof(seen));
    for (int i = 0; i < count; i++) {
        uint32_t number;
        size_t n = wire_receive(&out0, got, sizeof(got));

        ck_assert_uint_eq(n, 32);
        memcpy(&number, got + 28, sizeof(number));
        ck_assert_uint_lt(number, PACKETS);
        ck_assert_msg(!seen[number], "expected packet %u once, it came again", number);
        seen[number] = 1;
    }
    wire_expect_silence(&out0);
}

static void set_patience(int fd, long ms)
{
    struct timeval time = {ms / 1000, ms % 1000 * 1000};

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), 0);
}

/* Passes one packet on; false if none came in time. */
static bool pass_one(int fd)
{
    uint8_t got[2000];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    ssize_t n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size);

    if (n < 0) {
        if (errno != EAGAIN)
            failures++;
        return false;
    }
    if (sendto(fd, got, (size_t)n, 0, (struct sockaddr *)&from, size) != n)
        failures++;
    handled++;
    return true;
}

static void *pass_blocking(void *arg)
{
    int fd = *(int *)arg;

    while (pass_one(fd) || handled < PACKETS)
        ;
    return NULL;
}

static void *pass_polling(void *arg)
{
    struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};

    while (handled < PACKETS) {
        if (poll(&p, 1, 100) > 0)
            pass_one(p.fd);
    }
    return NULL;
}

static void *pass_by_epoll(void *arg)
{
    int fd = *(int *)arg, epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    while (handled < PACKETS) {
        if (epoll_wait(epoll, &event, 1, 100) > 0)
            pass_one(fd);
    }
    close(epoll);
    return NULL;
}

static void start(pthread_t *threads, void *(*run)(void *), int *fds, int step)
{
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &fds[i * step]), 0);
}

static void join(pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(failures, 0);
}

/* Sends all, no faster than they are passed on: the far end's socket must not overflow. */
static void send_all(int ports)
{
    for (int i = 0; i < PACKETS; i++) {
        send_numbered((uint32_t)i, (uint16_t)(2000 + i % ports));
        while (i - handled > 500)
            usleep(100);
    }
}

static void share_one_socket(void *(*run)(void *), int flags)
{
    int fd = divert_bound(PORT);
    pthread_t threads[THREADS];

    divert_incoming(PORT);
    fcntl(fd, F_SETFL, flags);
    set_patience(fd, 100);
    start(threads, run, &fd, 0);
    send_all(1);
    join(threads);
    expect_each_once(PACKETS);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}

START_TEST(test_threads_share_a_socket)
{
    share_one_socket(pass_blocking, 0);
}
END_TEST

START_TEST(test_threads_poll_one_socket)
{
    share_one_socket(pass_polling, O_NONBLOCK);
}
END_TEST

START_TEST(test_threads_have_an_epoll_each)
{
    share_one_socket(pass_by_epoll, O_NONBLOCK);
}
END_TEST

START_TEST(test_one_socket_a_thread)
{
    pthread_t threads[THREADS];
    int fds[THREADS];

    for (int i = 0; i < THREADS; i++) {
        fds[i] = divert_bound(PORT + i);
        set_patience(fds[i], 100);
        run("iptables -t raw -A PREROUTING -i in0 -p udp --dport %d -j NFQUEUE --queue-num %d",
            2000 + i, PORT + i);
    }
    start(threads, pass_blocking, fds, 1);
    send_all(THREADS);
    join(threads);
    expect_each_once(PACKETS);
}
END_TEST

static int pipes[2];

static void *hand_on(void *arg)
{
    int fd = *(int *)arg;
    uint8_t got[2000];

    for (ssize_t n = 0; n >= 0 || handled < PACKETS;) {
        n = recv(fd, got, sizeof(got), 0);
        if (n > 0 && write(pipes[1], got, (size_t)n) != n)
            failures++;
    }
    return NULL;
}

static void *write_out(void *arg)
{
    int fd = *(int *)arg;
    uint8_t got[2000];
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a010001)};

    while (handled < PACKETS) {
        ssize_t n = read(pipes[0], got, 32);

        if (n == 32 && sendto(fd, got, 32, 0, (struct sockaddr *)&from, sizeof(from)) != 32)
            failures++;
        handled += n == 32;
    }
    return NULL;
}

START_TEST(test_one_thread_reads_and_others_write)
{
    int fd = divert_bound(PORT);
    pthread_t threads[THREADS];

    ck_assert_int_eq(pipe2(pipes, O_DIRECT), 0);
    divert_incoming(PORT);
    set_patience(fd, 100);
    pthread_create(&threads[0], NULL, hand_on, &fd);
    for (int i = 1; i < THREADS; i++)
        pthread_create(&threads[i], NULL, write_out, &fd);
    send_all(1);
    pthread_join(threads[0], NULL);
    close(pipes[1]);
    for (int i = 1; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(failures, 0);
    expect_each_once(PACKETS);
}
END_TEST

static _Atomic pid_t reader;

static void *read_once(void *arg)
{
    uint8_t got[2000];

    reader = gettid();
    return (void *)read(*(int *)arg, got, sizeof(got));
}

/* Starts a thread that reads once, and waits until it sleeps in that. */
static pthread_t start_reader(int *fd)
{
    pthread_t thread;

    reader = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, read_once, fd), 0);
    while (reader == 0)
        usleep(100);
    wait_until_asleep(reader);
    return thread;
}

START_TEST(test_cancelled_reader_leaves_nothing_behind)
{
    int fd = divert_bound(PORT), other;
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    pthread_t thread;
    void *result;

    thread = start_reader(&fd);
    ck_assert_int_eq(pthread_cancel(thread), 0);
    pthread_join(thread, &result);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    divert_incoming(PORT);
    send_numbered(0, 2000);
    ck_assert(pass_one(fd));
    close(fd);
    other = divert_socket();
    ck_assert_msg(bind(other, (struct sockaddr *)&sin, sizeof(sin)) == 0,
                  "expected the port to be free: %s", strerror(errno));
}
END_TEST

/*
 * As with all sockets, a thread that waits in a read goes on waiting, and the port is freed when it
 * returns.
 */
START_TEST(test_closed_while_a_thread_reads)
{
    int fd = divert_bound(PORT), closed = fd;
    pthread_t thread;
    void *result;

    divert_incoming(PORT);
    thread = start_reader(&fd);
    ck_assert_int_eq(close(closed), 0);
    ck_assert_int_eq(open("/dev/null", O_RDONLY), closed);
    send_numbered(0, 2000);
    pthread_join(thread, &result);
    ck_assert_int_eq((long)result, 32);
    divert_bound(PORT);
}
END_TEST

static void *open_and_close(void *arg)
{
    int port = PORT + *(int *)arg;
    uint8_t byte;

    for (int i = 0; i < 500; i++) {
        struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        int fd = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT), copy = dup(fd);

        if (fd < 0 || copy < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
            close(fd) < 0 || recv(copy, &byte, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN ||
            close(copy) < 0)
            failures++;
    }
    return NULL;
}

START_TEST(test_threads_open_and_close)
{
    pthread_t threads[THREADS];
    int number[THREADS] = {0, 1, 2, 3};

    start(threads, open_and_close, number, 1);
    join(threads);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_threads_share_a_socket,
        test_threads_poll_one_socket,
        test_threads_have_an_epoll_each,
        test_one_socket_a_thread,
        test_one_thread_reads_and_others_write,
        test_cancelled_reader_leaves_nothing_behind,
        test_closed_while_a_thread_reads,
        test_threads_open_and_close,
    };

    return run_suite("threads", tests, sizeof(tests) / sizeof(tests[0]));
}
