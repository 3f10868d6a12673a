/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that are cancelled in the middle of calls on a divert socket: each ends at once, and the
 * other threads go on.
 */
#include "make_packet.h"
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS     2000 /* at least, of threads that are cancelled while packets flow */
#define LAST       1000000000
#define JOIN_S     10
#define LONG_POLL  60000
#define QUEUE_ROOM 200
#define NUMBERS    20000000

static int fd, epoll_fd;

/* ---- calls in which a thread waits before it reads; each returns when there is a packet ---- */

static void wait_in_recvfrom(void)
{
}

static void wait_in_poll(void)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    poll(&p, 1, LONG_POLL);
}

static void wait_in_ppoll(void)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    ppoll(&p, 1, NULL, NULL);
}

static void wait_in_select(void)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    select(fd + 1, &set, NULL, NULL, NULL);
}

static void wait_in_pselect(void)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    pselect(fd + 1, &set, NULL, NULL, NULL, NULL);
}

static void wait_in_epoll(void)
{
    struct epoll_event event;

    epoll_wait(epoll_fd, &event, 1, LONG_POLL);
}

static void (*const waits[])(void) = {
    wait_in_recvfrom, wait_in_poll, wait_in_ppoll, wait_in_select, wait_in_pselect, wait_in_epoll,
};
#define WAITS ((int)(sizeof(waits) / sizeof(waits[0])))

/* ---- threads that are cancelled ---- */

struct passing {
    void (*wait)(void);
    int type; /* of cancellation */
    _Atomic pid_t tid;
    uint8_t packet[2000];
    struct sockaddr_in from;
    _Atomic ssize_t pending; /* bytes in packet, read and perhaps */
    _Atomic uint32_t taken, passed;
    _Atomic int failures;
};

static struct passing passing;

static void *pass_on(void *arg)
{
    struct passing *p = arg;
    int before;

    pthread_setcanceltype(p->type, &before);
    p->tid = gettid();
    for (;;) {
        socklen_t size = sizeof(p->from);
        ssize_t n;

        p->wait();
        n = recvfrom(fd, p->packet, sizeof(p->packet), 0, (struct sockaddr *)&p->from, &size);
        p->pending = n;
        p->taken++;
        if (n != SMALL_PACKET ||
            sendto(fd, p->packet, SMALL_PACKET, 0, (struct sockaddr *)&p->from, size) != n)
            p->failures++;
        p->pending = 0;
        p->passed++;
    }
    return NULL;
}

static void start_passing(pthread_t *thread)
{
    passing.tid = 0;
    passing.pending = 0;
    ck_assert_int_eq(pthread_create(thread, NULL, pass_on, &passing), 0);
}

/* Cancels a thread, and fails the test if it does not end. */
static void cancel(pthread_t thread)
{
    struct timespec end;
    void *result = NULL;
    int err;

    ck_assert_int_eq(pthread_cancel(thread), 0);
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += JOIN_S;
    err = pthread_timedjoin_np(thread, &result, &end);
    ck_assert_msg(err == 0, "expected the cancelled thread to end: %s", strerror(err));
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
}

/* Reads the packets left by earlier threads, too. */
static void pass_last(void)
{
    uint8_t buffer[2000] = {0};
    struct sockaddr_in sender;
    int flags = MSG_DONTWAIT;

    do {
        socklen_t size = sizeof(sender);
        ssize_t n = recvfrom(fd, buffer, sizeof(buffer), flags, (struct sockaddr *)&sender, &size);

        if (n < 0 && flags) {
            flags = 0;
            send_small(LAST);
            continue;
        }
        ck_assert_msg(n == SMALL_PACKET, "expected a packet, got %zd: %s", n, strerror(errno));
        divert_write(fd, buffer, SMALL_PACKET, &sender);
    } while (small_number(buffer) != LAST);
}

/* Reads with a timeout, to notice a socket that nobody can read any more. */
static void expect_packets_to_pass(void)
{
    struct timeval time = {.tv_sec = JOIN_S};
    uint8_t buffer[2000] = {0};

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), 0);
    pass_last();
    while (wire_receive(&out0, buffer, sizeof(buffer)) != SMALL_PACKET ||
           small_number(buffer) != LAST)
        ;
    time.tv_sec = 0;
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), 0);
}

static void make_socket(bool outgoing)
{
    struct epoll_event event = {.events = EPOLLIN};

    fd = divert_bound(PORT);
    if (outgoing)
        divert_outgoing(PORT);
    else
        divert_incoming(PORT);
    epoll_fd = epoll_create1(0);
    ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
    wires_keep_little();
}

/* Writes the packet that the thread had read: the kernel's queue has a limited number of places. */
static void write_what_it_had(void)
{
    if (passing.pending == SMALL_PACKET)
        sendto(fd, passing.packet, SMALL_PACKET, 0, (struct sockaddr *)&passing.from,
               sizeof(passing.from));
}

static void cancel_again_and_again(void (*wait)(void), int rounds)
{
    double end = stress_end();
    struct flood flood;

    passing.wait = wait;
    collect_start(NUMBERS);
    flood_start(&flood, &passing.taken, QUEUE_ROOM, NUMBERS);
    for (int i = 0; i < rounds || (stress_clock() < end && flood.sent < NUMBERS / 2); i++) {
        uint32_t before = passing.passed;
        pthread_t thread;

        start_passing(&thread);
        for (int n = 0; n < SOON_MS * 10 && passing.passed == before; n++)
            usleep(100);
        ck_assert_msg(passing.passed != before, "expected thread %d to pass a packet on", i);
        usleep((useconds_t)(random() % 200));
        cancel(thread);
        write_what_it_had();
    }
    flood_stop(&flood);
    collect_end();
    ck_assert_int_eq(passing.failures, 0);
    expect_packets_to_pass();
}

START_TEST(test_cancelled_while_incoming_packets_flow)
{
    make_socket(false);
    cancel_again_and_again(waits[_i], _i ? ROUNDS / 4 : ROUNDS);
}
END_TEST

START_TEST(test_cancelled_while_outgoing_packets_flow)
{
    make_socket(true);
    cancel_again_and_again(waits[_i], _i ? ROUNDS / 4 : ROUNDS);
}
END_TEST

static void cancel_asleep(void (*wait)(void), int type)
{
    make_socket(false);
    passing.wait = wait;
    passing.type = type;
    for (int i = 0; i < 50; i++) {
        pthread_t thread;

        start_passing(&thread);
        while (passing.tid == 0)
            usleep(100);
        wait_until_asleep(passing.tid);
        cancel(thread);
    }
    expect_packets_to_pass();
}

START_TEST(test_cancelled_while_nothing_comes)
{
    cancel_asleep(waits[_i], PTHREAD_CANCEL_DEFERRED);
}
END_TEST

/* The thread is asleep, and may be cancelled anywhere. */
START_TEST(test_asynchronously_cancelled_while_it_waits)
{
    cancel_asleep(wait_in_recvfrom, PTHREAD_CANCEL_ASYNCHRONOUS);
}
END_TEST

/* ---- threads that are cancelled while they inject ---- */

struct way {
    const char *source, *destination, *to;
};

static const struct way ways[] = {
    {"127.0.0.1", "127.0.0.1", "127.0.0.1"},
    {IN_PEER, IN_ADDRESS, IN_ADDRESS},
    {OUT_ADDRESS, OUT_PEER, ANY},
};
#define WAYS ((int)(sizeof(ways) / sizeof(ways[0])))

static _Atomic uint32_t injected;

static void *inject(void *arg)
{
    const struct way *way = arg;
    uint8_t packet[64];
    struct sockaddr_in to;
    size_t len;

    to = address_make(way->to, 0);
    len = make_udp(packet, way->source, 1111, way->destination, 2222, 1, "abc", 3);
    for (;;) {
        if (sendto(fd, packet, len, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)len)
            injected++;
    }
    return NULL;
}

START_TEST(test_cancelled_while_it_injects)
{
    double end = stress_end();

    make_socket(false);
    collect_start(NUMBERS);
    for (int i = 0; i < ROUNDS / 4 || stress_clock() < end; i++) {
        uint32_t before = injected;
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, inject, (void *)&ways[_i]), 0);
        for (int n = 0; n < SOON_MS * 10 && injected == before; n++)
            usleep(100);
        ck_assert_msg(injected != before, "expected round %d to inject a packet", i);
        usleep((useconds_t)(random() % 200));
        cancel(thread);
    }
    collect_end();
    expect_packets_to_pass();
}
END_TEST

/* ---- cancellation points ---- */

static uint8_t packet[2000];
static struct sockaddr_in address;

static void call_recvfrom(void)
{
    socklen_t size = sizeof(address);

    recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&address, &size);
}

static void call_recv(void)
{
    if (recv(fd, packet, sizeof(packet), MSG_DONTWAIT) < 0)
        return;
}

static void call_read(void)
{
    if (read(fd, packet, sizeof(packet)) < 0)
        return;
}

static void call_readv(void)
{
    struct iovec vector = {packet, sizeof(packet)};

    if (readv(fd, &vector, 1) < 0)
        return;
}

static void call_recvmsg(void)
{
    struct iovec vector = {packet, sizeof(packet)};
    struct msghdr msg = {.msg_iov = &vector, .msg_iovlen = 1};

    if (recvmsg(fd, &msg, 0) < 0)
        return;
}

static void call_recvmmsg(void)
{
    struct iovec vector = {packet, sizeof(packet)};
    struct mmsghdr msg = {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}};

    recvmmsg(fd, &msg, 1, 0, NULL);
}

static void call_sendto(void)
{
    sendto(fd, packet, SMALL_PACKET, 0, (struct sockaddr *)&address, sizeof(address));
}

static void call_sendmsg(void)
{
    struct iovec vector = {packet, SMALL_PACKET};
    struct msghdr msg = {
        .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &vector, .msg_iovlen = 1};

    sendmsg(fd, &msg, 0);
}

static void call_write(void)
{
    if (write(fd, packet, SMALL_PACKET) < 0)
        return;
}

static void call_poll_at_once(void)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    poll(&p, 1, 0);
}

static void (*const points[])(void) = {
    call_recvfrom, call_recv,      call_read,       call_readv,    call_recvmsg,
    call_recvmmsg, call_sendto,    call_sendmsg,    call_write,    wait_in_poll,
    wait_in_ppoll, wait_in_select, wait_in_pselect, wait_in_epoll, call_poll_at_once,
};
static const char *const point_names[] = {
    "recvfrom", "recv",   "read",    "readv",      "recvmsg",
    "recvmmsg", "sendto", "sendmsg", "write",      "poll",
    "ppoll",    "select", "pselect", "epoll_wait", "poll with no time",
};
#define POINTS ((int)(sizeof(points) / sizeof(points[0])))

static _Atomic bool ready, cancelled;

static void *call_when_cancelled(void *arg)
{
    void (*const *point)(void) = arg;

    ready = true;
    while (!cancelled)
        ;
    (*point)();
    return NULL;
}

/* There are packets to read, some of which the library has already taken from the kernel. */
START_TEST(test_call_is_a_cancellation_point)
{
    pthread_t thread;
    void *result;

    make_socket(false);
    for (uint32_t i = 0; i < 3; i++)
        send_small(i);
    ck_assert_uint_eq(divert_read(fd, packet, sizeof(packet), &address), SMALL_PACKET);
    ck_assert_int_eq(pthread_create(&thread, NULL, call_when_cancelled, (void *)&points[_i]), 0);
    while (!ready)
        usleep(100);
    ck_assert_int_eq(pthread_cancel(thread), 0);
    cancelled = true;
    pthread_join(thread, &result);
    ck_assert_msg(result == PTHREAD_CANCELED, "expected %s to be a cancellation point",
                  point_names[_i]);
    divert_write(fd, packet, SMALL_PACKET, &address);
    for (uint32_t i = 1; i < 3; i++) {
        ck_assert_uint_eq(divert_read(fd, packet, sizeof(packet), &address), SMALL_PACKET);
        ck_assert_uint_eq(small_number(packet), i);
        divert_write(fd, packet, SMALL_PACKET, &address);
    }
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(wire_receive(&out0, packet, sizeof(packet)), SMALL_PACKET);
        ck_assert_uint_eq(small_number(packet), i);
    }
    wire_expect_silence(&out0);
}
END_TEST

static void *pass_uncancelled(void *arg)
{
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    ready = true;
    while (!cancelled)
        ;
    for (uint32_t i = 0; i < QUEUE_ROOM; i++) {
        call_poll_at_once();
        wait_in_select();
        wait_in_epoll();
        call_recvfrom();
        call_sendto();
        passing.failures += small_number(packet) != i;
        passing.passed++;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
        passing.failures += before != PTHREAD_CANCEL_DISABLE;
    }
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    pthread_testcancel();
    return arg;
}

START_TEST(test_thread_that_may_not_be_cancelled_goes_on)
{
    pthread_t thread;
    void *result;

    make_socket(false);
    ck_assert_int_eq(pthread_create(&thread, NULL, pass_uncancelled, NULL), 0);
    while (!ready)
        usleep(100);
    ck_assert_int_eq(pthread_cancel(thread), 0);
    cancelled = true;
    for (uint32_t i = 0; i < QUEUE_ROOM; i++)
        send_small(i);
    pthread_join(thread, &result);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert_uint_eq(passing.passed, QUEUE_ROOM);
    ck_assert_int_eq(passing.failures, 0);
    for (uint32_t i = 0; i < QUEUE_ROOM; i++) {
        ck_assert_uint_eq(wire_receive(&out0, packet, sizeof(packet)), SMALL_PACKET);
        ck_assert_uint_eq(small_number(packet), i);
    }
    expect_packets_to_pass();
}
END_TEST

int main(void)
{
    const TTest *const each_wait[] = {
        test_cancelled_while_incoming_packets_flow,
        test_cancelled_while_outgoing_packets_flow,
        test_cancelled_while_nothing_comes,
    };
    const TTest *const each_way[] = {test_cancelled_while_it_injects};
    const TTest *const each_point[] = {test_call_is_a_cancellation_point};
    const TTest *const tests[] = {
        test_asynchronously_cancelled_while_it_waits,
        test_thread_that_may_not_be_cancelled_goes_on,
    };
    int failed;

    stress_allow_time();
    failed = run_suite_with("cancelled", each_wait, 3, WAITS);
    failed |= run_suite_with("cancelled while injecting", each_way, 1, WAYS);
    failed |= run_suite_with("cancellation points", each_point, 1, POINTS);
    failed |= run_suite("cancel", tests, 2);
    return failed;
}
