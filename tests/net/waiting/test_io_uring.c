/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that wait with io_uring(7), as libuv does. */
#include "make_packet.h"
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static uint8_t got[2000];

/* Opens a ring. False, after a message, where there is no io_uring. */
static bool ring_open(struct io_uring *ring)
{
    int err = io_uring_queue_init(8, ring, 0);

    if (err < 0)
        printf("SKIP: io_uring: %s\n", strerror(-err));
    return err == 0;
}

static struct io_uring_sqe *ring_entry(struct io_uring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    ck_assert_ptr_nonnull(sqe);
    return sqe;
}

/* Waits for the next result; false if there is none in time. */
static bool ring_wait(struct io_uring *ring, int ms, int *result, unsigned *flags)
{
    struct __kernel_timespec time = {ms / 1000, ms % 1000 * 1000000LL};
    struct io_uring_cqe *cqe;
    int err = io_uring_wait_cqe_timeout(ring, &cqe, &time);

    if (err == -ETIME)
        return false;
    ck_assert_int_eq(err, 0);
    *result = cqe->res;
    *flags = cqe->flags;
    io_uring_cqe_seen(ring, cqe);
    return true;
}

static unsigned read_until_empty(int fd)
{
    unsigned n = 0;

    while (recv(fd, got, sizeof(got), MSG_DONTWAIT) > 0)
        n++;
    return n;
}

START_TEST(test_poll_by_io_uring)
{
    int fd = divert_ready(), result;
    struct io_uring ring;
    unsigned flags;

    if (!ring_open(&ring))
        return;
    for (unsigned i = 0; i < 10; i++) {
        io_uring_prep_poll_add(ring_entry(&ring), fd, POLLIN);
        ck_assert_int_eq(io_uring_submit(&ring), 1);
        ck_assert(!ring_wait(&ring, 10, &result, &flags));
        send_small(i);
        ck_assert_msg(ring_wait(&ring, SOON_MS, &result, &flags), "expected packet %u", i);
        ck_assert_int_eq(result & (POLLIN | POLLERR | POLLHUP), POLLIN);
        ck_assert_int_eq(recv(fd, got, sizeof(got), MSG_DONTWAIT), SMALL_PACKET);
    }
}
END_TEST

/* The library has already taken the packets from the kernel. */
START_TEST(test_poll_by_io_uring_before_each_packet_of_a_burst)
{
    int fd = divert_ready(), result;
    struct io_uring ring;
    unsigned flags;

    if (!ring_open(&ring))
        return;
    for (unsigned i = 0; i < 100; i++)
        send_small(i);
    for (unsigned i = 0; i < 100; i++) {
        io_uring_prep_poll_add(ring_entry(&ring), fd, POLLIN);
        ck_assert_int_eq(io_uring_submit(&ring), 1);
        ck_assert_msg(ring_wait(&ring, SOON_MS, &result, &flags), "expected packet %u", i);
        ck_assert_int_eq(recv(fd, got, sizeof(got), MSG_DONTWAIT), SMALL_PACKET);
    }
}
END_TEST

START_TEST(test_multishot_poll_by_io_uring)
{
    int fd = divert_ready(), result;
    struct io_uring ring;
    unsigned flags = 0;

    if (!ring_open(&ring))
        return;
    for (unsigned sent = 1, taken = 0; sent <= 20; sent++) {
        if (!(flags & IORING_CQE_F_MORE)) {
            io_uring_prep_poll_multishot(ring_entry(&ring), fd, POLLIN);
            ck_assert_int_eq(io_uring_submit(&ring), 1);
        }
        send_small(sent);
        while (taken < sent) {
            ck_assert_msg(ring_wait(&ring, SOON_MS, &result, &flags), "expected packet %u", sent);
            ck_assert_int_eq(result & (POLLIN | POLLERR | POLLHUP), POLLIN);
            taken += read_until_empty(fd);
        }
        ck_assert_uint_eq(taken, sent);
    }
}
END_TEST

static void control(struct io_uring *ring, int epoll, int op, int fd, uint32_t asked)
{
    struct epoll_event event = {.events = asked, .data.fd = fd};
    int result = -1;
    unsigned flags;

    io_uring_prep_epoll_ctl(ring_entry(ring), epoll, fd, op, &event);
    ck_assert_int_eq(io_uring_submit(ring), 1);
    ck_assert(ring_wait(ring, SOON_MS, &result, &flags));
    ck_assert_msg(result == 0, "expected epoll_ctl by io_uring: %s", strerror(-result));
}

START_TEST(test_epoll_ctl_by_io_uring)
{
    int fd = divert_ready(), epoll = epoll_create1(0);
    struct epoll_event event;
    struct io_uring ring;

    if (!ring_open(&ring))
        return;
    control(&ring, epoll, EPOLL_CTL_ADD, fd, EPOLLIN);
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(epoll_wait(epoll, &event, 1, 10), 0);
        send_small(i);
        send_small(i);
        for (int n = 0; n < 2; n++) {
            ck_assert_int_eq(epoll_wait(epoll, &event, 1, SOON_MS), 1);
            ck_assert_uint_eq(event.events, EPOLLIN);
            ck_assert_int_eq(event.data.fd, fd);
            ck_assert_int_eq(recv(fd, got, sizeof(got), 0), SMALL_PACKET);
        }
    }
    control(&ring, epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT);
    send_small(10);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, SOON_MS), 1);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 10), 0);
    control(&ring, epoll, EPOLL_CTL_DEL, fd, 0);
    send_small(11);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 10), 0);
    ck_assert_int_eq(recv(fd, got, sizeof(got), 0), SMALL_PACKET);
    ck_assert_int_eq(recv(fd, got, sizeof(got), 0), SMALL_PACKET);
}
END_TEST

static _Atomic pid_t waiter;

static void *wait_for_ring(void *arg)
{
    int result = -1;
    unsigned flags;

    waiter = gettid();
    return (void *)(intptr_t)ring_wait(arg, 2 * SOON_MS, &result, &flags);
}

START_TEST(test_thread_that_waits_for_a_ring_wakes)
{
    int fd = divert_ready();
    struct io_uring ring;
    pthread_t thread;
    void *found;

    if (!ring_open(&ring))
        return;
    io_uring_prep_poll_add(ring_entry(&ring), fd, POLLIN);
    ck_assert_int_eq(io_uring_submit(&ring), 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_ring, &ring), 0);
    while (waiter == 0)
        usleep(100);
    wait_until_asleep(waiter);
    send_small(0);
    pthread_join(thread, &found);
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(recv(fd, got, sizeof(got), 0), SMALL_PACKET);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_poll_by_io_uring,
        test_poll_by_io_uring_before_each_packet_of_a_burst,
        test_multishot_poll_by_io_uring,
        test_epoll_ctl_by_io_uring,
        test_thread_that_waits_for_a_ring_wakes,
    };

    return run_suite("io_uring", tests, sizeof(tests) / sizeof(tests[0]));
}
