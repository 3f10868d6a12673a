/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that share a divert socket: after fork(2) and its relatives. */
#include "musl.h"
#include "numbered.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

static uint8_t got[2000];
static struct sockaddr_in from;

START_TEST(test_parent_and_child_read_each_packet_once)
{
    int fd = divert_ready(), passed;
    pid_t pid;

    send_numbered(0);
    pid = child_that_passes(fd);
    for (uint32_t i = 1; i < PACKETS; i++) {
        send_numbered(i);
        usleep(100);
    }
    passed = pass_all(fd);
    ck_assert_int_ge(passed, 0);
    ck_assert_int_ge(waitpid(pid, NULL, 0), 0);
    expect_each_once(PACKETS);
}
END_TEST

START_TEST(test_prefork)
{
    int fd = divert_ready();
    pid_t children[4];

    for (int i = 0; i < 4; i++)
        children[i] = child_that_passes(fd);
    close(fd);
    for (uint32_t i = 0; i < PACKETS; i++)
        send_numbered(i);
    for (int i = 0; i < 4; i++)
        waitpid(children[i], NULL, 0);
    expect_each_once(PACKETS);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_read_here_and_written_there)
{
    int fd = divert_ready();
    pid_t pid;

    for (uint32_t i = 0; i < 3; i++)
        send_numbered(i);
    divert_read(fd, got, sizeof(got), &from);
    pid = fork();
    if (pid == 0)
        _exit(sendto(fd, got, NUMBERED_LEN, 0, (struct sockaddr *)&from, sizeof(from)) !=
              NUMBERED_LEN);
    expect_exit(pid, 0);
    ck_assert_uint_eq(queue_waiting(PORT), 2);
    ck_assert_int_eq(pass_all(fd), 2);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    expect_each_once(3);
}
END_TEST

START_TEST(test_last_process_to_close_frees_the_port)
{
    int fd = divert_ready();
    pid_t pid = fork();

    if (pid == 0)
        _exit(pass_all(fd) == 1 ? 0 : 1);
    close(fd);
    ck_assert(!port_free(PORT));
    send_numbered(0);
    expect_exit(pid, 0);
    ck_assert(port_free(PORT));
    fd = divert_bound(PORT);
    pid = fork();
    if (pid == 0)
        _exit(close(fd));
    expect_exit(pid, 0);
    ck_assert(!port_free(PORT));
    send_numbered(1);
    ck_assert_int_eq(pass_all(fd), 1);
    close(fd);
    ck_assert(port_free(PORT));
}
END_TEST

/* A descriptor that a child closes stays watched in its parent. */
START_TEST(test_child_closes_what_the_parent_watches)
{
    int fd = divert_ready(), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    pid_t pid;

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    pid = fork();
    if (pid == 0)
        _exit(close(fd) + close(epoll));
    expect_exit(pid, 0);
    send_numbered(0);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 5000), 1);
    ck_assert_int_eq(pass_all(fd), 1);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
}
END_TEST

/* A server that is set up before it goes to the background. */
START_TEST(test_child_waits_with_the_parents_epoll)
{
    int fd = divert_ready(), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    pid_t pid;

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    pid = fork();
    if (pid == 0)
        _exit(epoll_wait(epoll, &event, 1, 5000) == 1 && pass_all(fd) == 1 ? 0 : 1);
    close(fd);
    close(epoll);
    send_numbered(0);
    expect_exit(pid, 0);
    expect_each_once(1);
}
END_TEST

START_TEST(test_daemon)
{
    int fd = divert_ready();
    pid_t pid = fork();

    if (pid == 0) {
        if (daemon(0, 0) < 0)
            _exit(1);
        _exit(pass_all(fd) == 3 ? 0 : 1);
    }
    expect_exit(pid, 0);
    close(fd);
    for (uint32_t i = 0; i < 3; i++)
        send_numbered(i);
    expect_each_once(3);
    for (int i = 0; i < 500 && !port_free(PORT); i++)
        usleep(10000);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_child_of_vfork_does_no_harm)
{
    int fd = divert_ready(), other = divert_bound(PORT + 1);
    pid_t pid = vfork();

    if (pid == 0) {
        dup2(fd, 50);
        dup2(0, other);
        close(fd);
        close_range(3, ~0u, 0);
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    expect_exit(pid, 0);
    ck_assert_int_eq(fcntl(50, F_GETFD), -1);
    send_numbered(0);
    ck_assert_int_eq(pass_all(fd), 1);
    expect_each_once(1);
    ck_assert(!port_free(PORT + 1));
    ck_assert(divert_silent(other));
}
END_TEST

/* Made without the C library's fork handlers: its memory is still its own. */
START_TEST(test_child_made_without_fork_handlers)
{
    int fd = divert_ready();
    pid_t pid = _Fork();

    if (pid == 0) {
        int copy = dup(fd);

        close(fd);
        _exit(copy >= 0 && open("/dev/null", O_RDONLY) == fd && read(fd, got, 1) == 0 &&
                      pass_all(copy) == 1
                  ? 0
                  : 1);
    }
    send_numbered(0);
    expect_exit(pid, 0);
    expect_each_once(1);
}
END_TEST

/* A process that is killed in the middle of a call leaves the socket usable. */
START_TEST(test_killed_reader)
{
    int fd = divert_ready();

    for (int round = 0; round < 10; round++) {
        pid_t pid = fork();

        if (pid == 0) {
            for (;;)
                pass_all(fd);
        }
        for (uint32_t i = 0; i < 300; i++)
            send_numbered(i);
        kill(pid, SIGKILL);
        if (round % 2) /* the others stay zombies, with what they held when they died */
            waitpid(pid, NULL, 0);
    }
    pass_all(fd);
    ck_assert(divert_silent(fd));
    while (wait(NULL) > 0)
        ;
    close(fd);
    ck_assert(port_free(PORT));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_parent_and_child_read_each_packet_once,
        test_prefork,
        test_read_here_and_written_there,
        test_last_process_to_close_frees_the_port,
        test_child_closes_what_the_parent_watches,
        test_child_waits_with_the_parents_epoll,
        test_daemon,
        test_child_of_vfork_does_no_harm,
        test_child_made_without_fork_handlers,
        test_killed_reader,
    };

    return run_suite("process", tests, sizeof(tests) / sizeof(tests[0]));
}
