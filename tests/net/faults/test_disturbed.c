/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disturbances while packets are on the way: the program is stopped or killed, its queue overflows
 * or is emptied by others, memory and descriptors run out.
 */
#include "sequence.h"
#include "wire.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint8_t got[2048];
static struct sockaddr_in from;

static void wait_until_waiting(unsigned packets)
{
    for (int waited = 0; queue_waiting(PORT) != packets && waited < TIMEOUT_MS; waited += 5)
        poll(NULL, 0, 5);
    ck_assert_uint_eq(queue_waiting(PORT), packets);
}

/* ---- stopped and killed ---- */

START_TEST(test_stopped_and_continued_program_loses_nothing)
{
    pid_t pid = start_program_alone();

    send_numbers(0, 1000);
    kill(pid, SIGSTOP);
    for (uint16_t i = 1000; i < 3000; i += 100) {
        send_numbers(i, (uint16_t)(i + 100));
        poll(NULL, 0, 100);
    }
    kill(pid, SIGCONT);
    send_numbers(3000, 4000);
    expect_numbers(0, 4000);
    end_program(pid);
}
END_TEST

START_TEST(test_stopped_program_whose_queue_overflows_goes_on)
{
    pid_t pid;

    setenv("DIVERTSHIM_QUEUE_LEN", "64", 1);
    pid = start_program_alone();
    kill(pid, SIGSTOP);
    send_numbers(0, 1000);
    wait_until_waiting(64);
    kill(pid, SIGCONT);
    expect_numbers(0, 64);
    send_numbers(1000, 1010);
    expect_numbers(1000, 1010);
    end_program(pid);
}
END_TEST

START_TEST(test_packets_of_a_killed_program_are_dropped)
{
    int fd = divert_bound(PORT);
    pid_t pid = fork();

    if (pid == 0) {
        for (int i = 0; i < 3; i++)
            divert_read(fd, got, sizeof(got), &from);
        poll(NULL, 0, -1);
    }
    close(fd);
    divert_incoming(PORT);
    send_numbers(0, 10);
    wait_until_waiting(10);
    end_program(pid);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    fd = divert_bound(PORT);
    send_numbers(20, 21);
    pass_one(fd);
    expect_numbers(20, 21);
    ck_assert(divert_silent(fd));
}
END_TEST

/*
 * They share the socket. What the killed children had read is dropped after a while; and if one is
 * killed while it holds the socket's lock, the next process drops all that waits.
 */
START_TEST(test_killed_children_do_not_hold_up_their_parent)
{
    struct pollfd arrival = {.fd = out0.fd, .events = POLLIN};
    int fd, sent = 0;

    setenv("DIVERTSHIM_HOLD_MS", "200", 1);
    fd = divert_bound(PORT);
    divert_incoming(PORT);
    for (int i = 0; i < 20; i++) {
        pid_t pid = start_program(fd);

        do
            send_number((uint16_t)sent++);
        while (sent % 100 || (poll(&arrival, 1, QUIET_MS) == 0 && sent < 4000));
        note_number();
        end_program(pid);
        receive_numbers(0);
    }
    for (int waited = 0; queue_waiting(PORT) && waited < TIMEOUT_MS; waited += 20) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (poll(&p, 1, 20) == 1)
            pass_one(fd);
    }
    while (!divert_silent(fd))
        pass_one(fd); /* what the kernel has dropped may still be on the way to the program */
    receive_numbers(0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    send_numbers(4000, 4001);
    pass_one(fd);
    expect_numbers(4000, 4001);
}
END_TEST

/* ---- the queue ---- */

/* The library's private netlink socket. */
static int netlink_socket(void)
{
    for (int fd = 0; fd < 65536; fd++) {
        int domain = 0, protocol = 0;
        socklen_t size = sizeof(int);

        if (syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
            domain == AF_NETLINK &&
            syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
            protocol == NETLINK_NETFILTER)
            return fd;
    }
    ck_abort_msg("expected a netlink socket");
}

/* With TELL, the kernel reports it by ENOBUFS, which the library had turned off. */
static void overrun(int tell)
{
    int fd = divert_bound(PORT), private = netlink_socket(), bytes = 4096, off = 0, count = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};

    divert_incoming(PORT);
    ck_assert_int_eq(syscall(SYS_setsockopt, private, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)),
                     0);
    if (tell)
        syscall(SYS_setsockopt, private, SOL_NETLINK, NETLINK_NO_ENOBUFS, &off, sizeof(off));
    send_numbers(0, 500);
    while (poll(&p, 1, QUIET_MS) == 1) {
        pass_one(fd);
        count++;
    }
    ck_assert_int_gt(count, 0);
    ck_assert_int_lt(count, 500);
    ck_assert_int_eq(receive_numbers(TIMEOUT_MS), count);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    send_numbers(1000, 1001);
    pass_one(fd);
    expect_numbers(1000, 1001);
}

START_TEST(test_overrun_of_the_netlink_socket_loses_only_packets)
{
    overrun(false);
}
END_TEST

START_TEST(test_overrun_that_the_kernel_reports_is_no_error)
{
    overrun(true);
}
END_TEST

/* Reads some of ten packets, has the queue emptied by a command, and writes them all the same. */
static void lose_queue_by(const char *command, const char *repair)
{
    int fd = divert_bound(PORT);
    uint8_t kept[3][64];
    struct sockaddr_in kept_from[3];
    size_t n = 0;

    divert_incoming(PORT);
    send_numbers(0, 10);
    for (int i = 0; i < 3; i++)
        n = divert_read(fd, kept[i], sizeof(kept[i]), &kept_from[i]);
    while (queue_waiting(PORT) < 10) /* on a slow machine they come later */
        poll(NULL, 0, 1);
    run("%s", command);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    for (int i = 0; i < 3; i++)
        divert_write(fd, kept[i], n, &kept_from[i]);
    while (!divert_silent(fd))
        pass_one(fd);
    wire_expect_silence(&out0);
    run("%s", repair);
    /* A link that was just set up drops packets until the kernel has noticed. */
    for (uint16_t i = 20; divert_silent(fd) && i < 1000; i++) {
        send_number(i);
        poll(NULL, 0, 10);
    }
    pass_one(fd);
    ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), 30);
}

/* The kernel empties all queues of a namespace when any base chain is removed. */
START_TEST(test_queue_is_emptied_when_a_chain_of_others_ends)
{
    run("nft 'add table ip other; add chain ip other c { type filter hook input priority 5; }'");
    lose_queue_by("nft delete table ip other", "true");
}
END_TEST

START_TEST(test_interface_that_goes_down_takes_its_packets_along)
{
    lose_queue_by("ip link set in0 down", "ip link set in0 up");
}
END_TEST

/* How many packets the kernel has ever put into the queue. */
static unsigned queued_ever(void)
{
    FILE *f = fopen("/proc/self/net/netfilter/nfnetlink_queue", "r");
    unsigned number = 0, last_id = 0;

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%u %*u %*u %*u %*u %*u %*u %u", &number, &last_id), 2);
    ck_assert_uint_eq(number, PORT);
    fclose(f);
    return last_id;
}

START_TEST(test_socket_that_is_bound_under_load_reads_every_packet_from_the_first_on)
{
    pid_t pid;

    divert_incoming(PORT);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            send_number(1);
    }
    for (int i = 0; i < 100; i++) {
        int fd = divert_bound(PORT), status;
        unsigned count = 1;

        divert_read(fd, got, sizeof(got), NULL);
        kill(pid, SIGSTOP);
        ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
        while (recv(fd, got, sizeof(got), MSG_DONTWAIT) > 0)
            count++;
        ck_assert_uint_eq(count, queued_ever());
        close(fd);
        kill(pid, SIGCONT);
        poll(NULL, 0, 1); /* lets it run again */
    }
    end_program(pid);
}
END_TEST

/* ---- memory and descriptors ---- */

START_TEST(test_lack_of_memory_is_reported_and_does_not_stop_the_traffic)
{
    int fd = divert_bound(PORT), another;
    struct rlimit before, none;

    divert_incoming(PORT);
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
    none = before;
    none.rlim_cur = 1 << 20;
    send_numbers(0, 100);
    setrlimit(RLIMIT_AS, &none);
    another = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT);
    ck_assert_int_eq(another, -1);
    ck_assert_int_eq(errno, ENOMEM);
    for (int i = 0; i < 100; i++)
        pass_one(fd);
    setrlimit(RLIMIT_AS, &before);
    expect_numbers(0, 100);
    close(divert_bound(PORT + 1));
}
END_TEST

START_TEST(test_lack_of_descriptors_is_reported_and_does_not_stop_the_traffic)
{
    int fd = divert_bound(PORT);
    struct rlimit before, none;

    divert_incoming(PORT);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 8; /* poll(2) takes no longer list than that */
    send_numbers(0, 100);
    setrlimit(RLIMIT_NOFILE, &none);
    ck_assert_int_eq(socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT), -1);
    ck_assert_int_eq(errno, EMFILE);
    for (int i = 0; i < 100; i++)
        pass_one(fd);
    setrlimit(RLIMIT_NOFILE, &before);
    expect_numbers(0, 100);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_stopped_and_continued_program_loses_nothing,
        test_stopped_program_whose_queue_overflows_goes_on,
        test_packets_of_a_killed_program_are_dropped,
        test_killed_children_do_not_hold_up_their_parent,
        test_overrun_of_the_netlink_socket_loses_only_packets,
        test_overrun_that_the_kernel_reports_is_no_error,
        test_queue_is_emptied_when_a_chain_of_others_ends,
        test_interface_that_goes_down_takes_its_packets_along,
        test_socket_that_is_bound_under_load_reads_every_packet_from_the_first_on,
        test_lack_of_memory_is_reported_and_does_not_stop_the_traffic,
        test_lack_of_descriptors_is_reported_and_does_not_stop_the_traffic,
    };

    return run_suite("disturbed", tests, sizeof(tests) / sizeof(tests[0]));
}
