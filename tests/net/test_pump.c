/* SPDX-License-Identifier: BSD-2-Clause */
/* DIVERTSHIM_PUMP=thread: programs that wait past the C library. The option is set in the
 * environment. */
#include "make_packet.h"
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON 10000 /* ms; nothing waits so long unless it fails */

static uint8_t packet[2000], got[2000];
static size_t len;

static void send_one(const char *payload)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, strlen(payload));
    wire_send(&in0, packet, len);
}

static int raw_poll(int fd, int timeout)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return (int)syscall(SYS_poll, &p, 1, timeout);
}

static int count_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    int count = -2;

    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* So many more than the program had, with what a sanitizer may have added. */
static void expect_more_threads(int before, int more)
{
    int expected = before + more;

    for (int i = 0; i < 500 && count_threads() != expected; i++)
        usleep(10000);
    ck_assert_int_eq(count_threads(), expected);
}

START_TEST(test_raw_poll)
{
    int fd = divert_ready();

    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(raw_poll(fd, 0), 0);
        send_one("a");
        send_one("b");
        ck_assert_int_eq(raw_poll(fd, SOON), 1);
        ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
        ck_assert_int_eq(raw_poll(fd, SOON), 1);
        ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    }
    ck_assert_int_eq(raw_poll(fd, 20), 0);
}
END_TEST

/* More than the library takes from the kernel at once. */
START_TEST(test_all_of_a_burst_is_announced)
{
    int fd = divert_ready();

    for (int i = 0; i < 300; i++)
        send_one("x");
    for (int i = 0; i < 300; i++) {
        ck_assert_msg(raw_poll(fd, SOON) == 1, "expected packet %d, nothing came", i);
        ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    }
    ck_assert_int_eq(raw_poll(fd, 20), 0);
}
END_TEST

START_TEST(test_raw_epoll)
{
    int fd = divert_ready(), epoll = (int)syscall(SYS_epoll_create1, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    ck_assert_int_eq((int)syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, fd, &event), 0);
    ck_assert_int_eq((int)syscall(SYS_epoll_pwait, epoll, &event, 1, 20, NULL, 0), 0);
    for (int i = 0; i < 10; i++) {
        send_one("x");
        ck_assert_int_eq((int)syscall(SYS_epoll_pwait, epoll, &event, 1, SOON, NULL, 0), 1);
        ck_assert_int_eq(event.data.fd, fd);
        ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    }
    ck_assert_int_eq((int)syscall(SYS_epoll_pwait, epoll, &event, 1, 20, NULL, 0), 0);
}
END_TEST

/* The hooks go on working beside the thread. */
START_TEST(test_poll_and_epoll_of_the_c_library)
{
    int fd = divert_ready(), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    struct pollfd p = {.fd = fd, .events = POLLIN};

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(poll(&p, 1, 0), 0);
        ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
        send_one("x");
        ck_assert_int_eq(poll(&p, 1, SOON), 1);
        ck_assert_int_eq(epoll_wait(epoll, &event, 1, SOON), 1);
        ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    }
}
END_TEST

static void *end_at_once(void *arg)
{
    return arg;
}

START_TEST(test_thread_comes_and_goes)
{
    int fd, second, before;
    pthread_t first;

    pthread_create(&first, NULL, end_at_once, NULL); /* sanitizers start one of theirs then */
    pthread_join(first, NULL);
    usleep(100000); /* it may be listed for a moment yet */
    before = count_threads();
    fd = divert_socket();
    expect_more_threads(before, 0);
    close(fd);
    for (int i = 0; i < 3; i++) {
        fd = divert_bound(PORT);
        second = divert_bound(PORT + 1);
        expect_more_threads(before, 1);
        close(fd);
        expect_more_threads(before, 1);
        close(second);
        expect_more_threads(before, 0);
    }
}
END_TEST

START_TEST(test_unwritten_packet_is_dropped_in_time)
{
    int fd = divert_ready();

    send_one("x");
    ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    ck_assert_uint_eq(queue_waiting(PORT), 1);
    for (int i = 0; i < 500 && queue_waiting(PORT); i++)
        usleep(10000);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

static _Atomic int handled_by;

static void note_thread(int sig)
{
    (void)sig;
    handled_by = gettid();
}

START_TEST(test_signals_are_the_programs)
{
    sigset_t set;

    divert_ready();
    signal(SIGUSR1, note_thread);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    usleep(50000);
    ck_assert_int_eq(handled_by, 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    ck_assert_int_eq(handled_by, getpid());
}
END_TEST

START_TEST(test_child_has_a_thread_of_its_own)
{
    int fd = divert_ready(), status;
    pid_t pid = fork();

    if (pid == 0) {
        bool right = count_threads() == 2 && raw_poll(fd, SOON) == 1 &&
                     read(fd, got, sizeof(got)) > 0 && raw_poll(fd, 20) == 0;

        close(fd);
        for (int i = 0; i < 500 && count_threads() != 1; i++)
            usleep(10000);
        _exit(right && count_threads() == 1 ? 0 : 1);
    }
    send_one("x");
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    send_one("y");
    ck_assert_int_eq(raw_poll(fd, SOON), 1);
    ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
}
END_TEST

/* ---- io_uring, as far as one poll needs it ---- */

struct ring {
    int fd;
    struct io_uring_params p;
    uint8_t *sq, *cq;
    struct io_uring_sqe *sqes;
};

static void *map_ring(int fd, size_t size, off_t at)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);

    ck_assert_ptr_ne(block, MAP_FAILED);
    return block;
}

static bool ring_open(struct ring *r)
{
    memset(r, 0, sizeof(*r));
    r->fd = (int)syscall(SYS_io_uring_setup, 4, &r->p);
    if (r->fd < 0)
        return false;
    r->sq = map_ring(r->fd, r->p.sq_off.array + r->p.sq_entries * 4, IORING_OFF_SQ_RING);
    r->cq = map_ring(r->fd, r->p.cq_off.cqes + r->p.cq_entries * sizeof(struct io_uring_cqe),
                     IORING_OFF_CQ_RING);
    r->sqes = map_ring(r->fd, r->p.sq_entries * sizeof(*r->sqes), IORING_OFF_SQES);
    return true;
}

static int ring_poll(struct ring *r, int fd, unsigned n)
{
    _Atomic unsigned *sq_tail = (_Atomic unsigned *)(void *)(r->sq + r->p.sq_off.tail);
    _Atomic unsigned *cq_head = (_Atomic unsigned *)(void *)(r->cq + r->p.cq_off.head);
    unsigned *array = (unsigned *)(void *)(r->sq + r->p.sq_off.array), slot = n % r->p.sq_entries;
    struct io_uring_cqe *cqes = (struct io_uring_cqe *)(void *)(r->cq + r->p.cq_off.cqes);
    int result;

    r->sqes[slot] = (struct io_uring_sqe){
        .opcode = IORING_OP_POLL_ADD, .fd = fd, .poll32_events = POLLIN, .user_data = n};
    array[slot] = slot;
    atomic_store(sq_tail, n + 1);
    ck_assert_int_eq((int)syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0),
                     1);
    result = cqes[n % r->p.cq_entries].res;
    atomic_store(cq_head, n + 1);
    return result;
}

START_TEST(test_io_uring)
{
    int fd = divert_ready();
    struct ring ring;

    if (!ring_open(&ring)) {
        printf("SKIP: io_uring: %s\n", strerror(errno));
        return;
    }
    for (unsigned i = 0; i < 10; i++) {
        send_one("x");
        ck_assert_int_eq(ring_poll(&ring, fd, i) & POLLIN, POLLIN);
        ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_raw_poll,
        test_all_of_a_burst_is_announced,
        test_raw_epoll,
        test_poll_and_epoll_of_the_c_library,
        test_thread_comes_and_goes,
        test_unwritten_packet_is_dropped_in_time,
        test_signals_are_the_programs,
        test_child_has_a_thread_of_its_own,
        test_io_uring,
    };

    return run_suite("pump", tests, sizeof(tests) / sizeof(tests[0]));
}
