/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets of AF_INET and AF_INET6 on one port: each reads its family, and neither the other's. */
#include "make_packet.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#define IN6_ADDRESS "2001:db8:1::1"
#define IN6_PEER    "2001:db8:1::2"
#define OUT6_PEER   "2001:db8:2::2"
#define MANY        5000
#define UNREAD      100   /* more than the library takes from the kernel at once */
#define SOON        10000 /* only a failure takes that long */

static uint8_t packet[2000], got[2000];
static size_t len;

static void add_ipv6(const char *name, const struct wire *w, const char *address, const char *peer)
{
    const uint8_t *mac = w->far_mac;

    run("ip -6 address add %s/64 dev %s nodad", address, name);
    wire_wait_address6(address, name);
    run("ip -6 neighbour add %s lladdr %02x:%02x:%02x:%02x:%02x:%02x dev %s", peer, mac[0], mac[1],
        mac[2], mac[3], mac[4], mac[5], name);
}

static void divert_both(void)
{
    add_ipv6("in0", &in0, IN6_ADDRESS, IN6_PEER);
    add_ipv6("out0", &out0, "2001:db8:2::1", OUT6_PEER);
    divert_incoming(PORT);
    run("ip6tables -t raw -A PREROUTING -i in0 -j NFQUEUE --queue-num %d", PORT);
}

static int try_bind(int family, int port)
{
    struct sockaddr_in6 any = {.sin6_family = (sa_family_t)family,
                               .sin6_port = htons((uint16_t)port)};
    int fd = socket(family, SOCK_RAW, IPPROTO_DIVERT);

    ck_assert_int_ge(fd, 0);
    if (bind(fd, (struct sockaddr *)&any,
             family == AF_INET6 ? sizeof(any) : sizeof(struct sockaddr_in)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int bound(int family)
{
    int fd = try_bind(family, PORT);

    ck_assert_msg(fd >= 0, "expected port %d: %s", PORT, strerror(errno));
    return fd;
}

/* Binds both sockets, in one order or the other. */
static void bind_both(int *fd4, int *fd6, bool ipv6_first)
{
    if (ipv6_first)
        *fd6 = bound(AF_INET6);
    *fd4 = bound(AF_INET);
    if (!ipv6_first)
        *fd6 = bound(AF_INET6);
}

static void send_one(int family, uint16_t id)
{
    if (family == AF_INET6)
        len = make_udp(packet, IN6_PEER, 1111, OUT6_PEER, 2222, id, "six", 3);
    else
        len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, id, "four", 4);
    wire_send(&in0, packet, len);
}

/* Reads and writes back what send_one() has just sent. */
static void pass_one(int fd, int family)
{
    struct sockaddr_in6 from;
    socklen_t size = sizeof(from);
    ssize_t n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size);

    ck_assert_int_eq(n, (ssize_t)len);
    ck_assert_mem_eq(got, packet, len);
    ck_assert_int_eq(from.sin6_family, family);
    ck_assert_int_eq(sendto(fd, got, len, 0, (struct sockaddr *)&from, size), n);
    wire_expect(&out0, packet, len);
}

static void send_and_pass(int fd, int family)
{
    send_one(family, 7);
    pass_one(fd, family == AF_INET6 ? AF_INET6 : AF_INET);
}

static void expect_dropped(int family, int fd)
{
    send_one(family, 8);
    ck_assert(divert_silent(fd));
    wire_expect_silence(&out0);
    /* On a busy machine it may have been queued only now. */
    for (int i = 0; i < 1000 && queue_waiting(PORT) > 0; i++) {
        ck_assert(divert_silent(fd));
        usleep(10000);
    }
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}

static void expect_working(int fd4, int fd6)
{
    for (int i = 0; i < 3; i++) {
        send_and_pass(fd4, AF_INET);
        send_and_pass(fd6, AF_INET6);
    }
    send_one(AF_INET6, 1);
    ck_assert(divert_silent(fd4));
    pass_one(fd6, AF_INET6);
    send_one(AF_INET, 2);
    ck_assert(divert_silent(fd6));
    pass_one(fd4, AF_INET);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}

START_TEST(test_each_reads_its_own_family)
{
    int fd4, fd6;

    bind_both(&fd4, &fd6, _i);
    divert_both();
    expect_working(fd4, fd6);
}
END_TEST

static void use_personality(int i)
{
    setenv("DIVERTSHIM_PERSONALITY", i ? "openbsd" : "freebsd", 1);
}

START_TEST(test_af_inet_alone_reads_ipv6_as_on_freebsd_only)
{
    int fd;

    use_personality(_i);
    fd = bound(AF_INET);
    divert_both();
    send_and_pass(fd, AF_INET);
    if (_i) {
        expect_dropped(AF_INET6, fd);
        return;
    }
    send_one(AF_INET6, 7);
    pass_one(fd, AF_INET);
}
END_TEST

START_TEST(test_af_inet6_alone_reads_no_ipv4)
{
    int fd;

    use_personality(_i);
    fd = bound(AF_INET6);
    divert_both();
    expect_dropped(AF_INET, fd);
    send_and_pass(fd, AF_INET6);
}
END_TEST

START_TEST(test_packets_of_the_other_family_are_not_sent)
{
    int fd4, fd6;

    use_personality(_i);
    bind_both(&fd4, &fd6, false);
    divert_both();
    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
    ck_assert_int_eq(write(fd6, packet, len), -1);
    ck_assert_int_eq(errno, EINVAL);
    len = make_udp(packet, IN6_PEER, 1, OUT6_PEER, 2, 3, "x", 1);
    if (_i) {
        ck_assert_int_eq(write(fd4, packet, len), -1);
        ck_assert_int_eq(errno, EINVAL);
    } else {
        ck_assert_int_eq(write(fd4, packet, len), (ssize_t)len);
        wire_expect(&out0, packet, len);
    }
    wire_expect_silence(&out0);
}
END_TEST

static void expect_poll(int fd4, int fd6, bool readable4, bool readable6)
{
    struct pollfd p[] = {{.fd = fd4, .events = POLLIN}, {.fd = fd6, .events = POLLIN}};
    struct timeval now = {0};
    fd_set set;

    /* The first of two that are waited for ends the wait. */
    ck_assert_int_eq(poll(&p[0], 1, readable4 ? SOON : 0), readable4);
    ck_assert_int_eq(poll(&p[1], 1, readable6 ? SOON : 0), readable6);
    ck_assert_int_eq(poll(p, 2, readable4 || readable6 ? SOON : 0), readable4 + readable6);
    ck_assert_int_eq(p[0].revents, readable4 ? POLLIN : 0);
    ck_assert_int_eq(p[1].revents, readable6 ? POLLIN : 0);
    FD_ZERO(&set);
    FD_SET(fd4, &set);
    FD_SET(fd6, &set);
    ck_assert_int_eq(select((fd4 > fd6 ? fd4 : fd6) + 1, &set, NULL, NULL, &now),
                     readable4 + readable6);
    ck_assert_int_eq(FD_ISSET(fd4, &set) != 0, readable4);
    ck_assert_int_eq(FD_ISSET(fd6, &set) != 0, readable6);
}

START_TEST(test_poll_and_select_tell_them_apart)
{
    int fd4, fd6;
    struct pollfd other;

    bind_both(&fd4, &fd6, _i);
    divert_both();
    expect_poll(fd4, fd6, false, false);
    send_one(AF_INET6, 1);
    other = (struct pollfd){.fd = fd4, .events = POLLIN};
    ck_assert_int_eq(poll(&other, 1, 50), 0);
    expect_poll(fd4, fd6, false, true);
    send_one(AF_INET, 2);
    expect_poll(fd4, fd6, true, true);
    pass_one(fd4, AF_INET);
    expect_poll(fd4, fd6, false, true);
    ck_assert_int_gt(recv(fd6, got, sizeof(got), 0), 0);
    expect_poll(fd4, fd6, false, false);
}
END_TEST

static int epoll_of(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    return epoll;
}

START_TEST(test_epoll_tells_them_apart)
{
    struct epoll_event event;
    int fd4, fd6, epoll4, epoll6;

    bind_both(&fd4, &fd6, _i);
    divert_both();
    epoll4 = epoll_of(fd4);
    epoll6 = epoll_of(fd6);
    for (int i = 0; i < 3; i++) {
        send_one(AF_INET6, 1);
        ck_assert_int_eq(epoll_wait(epoll4, &event, 1, 20), 0);
        ck_assert_int_eq(epoll_wait(epoll6, &event, 1, SOON), 1);
        pass_one(fd6, AF_INET6);
        send_one(AF_INET, 1);
        ck_assert_int_eq(epoll_wait(epoll6, &event, 1, 20), 0);
        ck_assert_int_eq(epoll_wait(epoll4, &event, 1, SOON), 1);
        pass_one(fd4, AF_INET);
    }
}
END_TEST

static void *read_one(void *fd)
{
    static uint8_t own[2000];

    return (void *)recv(*(int *)fd, own, sizeof(own), 0);
}

/* A thread waits for a packet that another thread's read takes from the kernel. */
START_TEST(test_reader_of_one_wakes_the_reader_of_the_other)
{
    int fd4, fd6;
    pthread_t thread;
    void *result;

    bind_both(&fd4, &fd6, _i);
    divert_both();
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(pthread_create(&thread, NULL, read_one, &fd6), 0);
        send_one(AF_INET6, 1);
        ck_assert(divert_silent(fd4));
        ck_assert_int_eq(pthread_join(thread, &result), 0);
        ck_assert_int_eq((ssize_t)result, (ssize_t)len);
        send_and_pass(fd4, AF_INET);
    }
}
END_TEST

/* Unread packets of one family wait, in order, and do not delay the other's. */
START_TEST(test_unread_packets_of_one_do_not_hold_up_the_other)
{
    int fd4, fd6;

    bind_both(&fd4, &fd6, _i);
    divert_both();
    for (uint16_t i = 0; i < MANY; i++) {
        send_one(AF_INET, i);
        if (i % 100 == 0)
            send_and_pass(fd6, AF_INET6);
    }
    send_and_pass(fd6, AF_INET6);
    for (uint16_t i = 0; i < MANY; i++) {
        ck_assert_int_gt(recv(fd4, got, sizeof(got), MSG_DONTWAIT), 0);
        ck_assert_uint_eq(packet_id(got), i);
    }
    ck_assert(divert_silent(fd4));
}
END_TEST

START_TEST(test_closing_one_leaves_the_other)
{
    int fd4, fd6;

    use_personality(_i / 2);
    bind_both(&fd4, &fd6, _i % 2);
    divert_both();
    for (uint16_t i = 0; i < UNREAD; i++)
        send_one(AF_INET, i);
    ck_assert_int_gt(recv(fd4, got, sizeof(got), 0), 0);
    send_and_pass(fd6, AF_INET6);
    ck_assert_uint_eq(queue_waiting(PORT), UNREAD);
    close(fd4);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    expect_dropped(AF_INET, fd6);
    send_and_pass(fd6, AF_INET6);
    fd4 = bound(AF_INET);
    expect_working(fd4, fd6);
    close(fd6);
    send_and_pass(fd4, AF_INET);
    if (_i / 2)
        expect_dropped(AF_INET6, fd4);
    fd6 = bound(AF_INET6);
    expect_working(fd4, fd6);
    close(fd4);
    close(fd6);
    close(bound(AF_INET6));
}
END_TEST

START_TEST(test_shutdown_of_one_leaves_the_other)
{
    int fd4, fd6;

    bind_both(&fd4, &fd6, _i);
    divert_both();
    send_one(AF_INET, 1);
    ck_assert_int_eq(shutdown(fd4, SHUT_RD), 0);
    ck_assert_int_eq(recv(fd4, got, sizeof(got), 0), 0);
    send_one(AF_INET, 2);
    send_and_pass(fd6, AF_INET6);
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

static void echo(int fd)
{
    struct sockaddr_in6 from;
    socklen_t size;
    ssize_t n;

    do {
        size = sizeof(from);
        n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size);
    } while (n > 0 && sendto(fd, got, (size_t)n, 0, (struct sockaddr *)&from, size) == n);
    _exit(1);
}

/*
 * Forks a child that serves one of the sockets, after exec or not; "keep" leaves the other open
 * there.
 */
static pid_t serve(int fd, int other, bool exec, bool keep)
{
    char number[16];
    pid_t pid = fork();

    if (pid)
        return pid;
    if (!keep)
        close(other);
    if (!exec)
        echo(fd);
    snprintf(number, sizeof(number), "%d", fd);
    execl("/proc/self/exe", "families", number, NULL);
    _exit(1);
}

static void expect_echo(int family)
{
    for (int i = 0; i < 50; i++) {
        send_one(family, 9);
        wire_expect(&out0, packet, len);
    }
}

START_TEST(test_two_processes_serve_one_each)
{
    int fd4, fd6;
    pid_t child4, child6;

    bind_both(&fd4, &fd6, _i & 1);
    divert_both();
    child4 = serve(fd4, fd6, _i & 2, _i & 4);
    child6 = serve(fd6, fd4, _i & 2, _i & 4);
    close(fd4);
    close(fd6);
    expect_echo(AF_INET);
    expect_echo(AF_INET6);
    for (int i = 0; i < 50; i++) {
        expect_echo(i % 2 ? AF_INET : AF_INET6);
    }
    kill(child4, SIGKILL);
    waitpid(child4, NULL, 0);
    expect_echo(AF_INET6);
    kill(child6, SIGKILL);
    waitpid(child6, NULL, 0);
}
END_TEST

/* The last process that had the AF_INET6 socket is killed: IPv6 comes to AF_INET again. */
START_TEST(test_killed_process_was_the_last_with_the_other)
{
    int fd4, fd6;
    pid_t child;

    bind_both(&fd4, &fd6, _i);
    divert_both();
    child = serve(fd6, fd4, false, false);
    close(fd6);
    expect_echo(AF_INET6);
    send_and_pass(fd4, AF_INET);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    send_one(AF_INET6, 7);
    pass_one(fd4, AF_INET);
}
END_TEST

START_TEST(test_another_process_does_not_get_the_port)
{
    int fd4 = bound(AF_INET), status;
    pid_t child = fork();

    if (child == 0) {
        close(fd4);
        _exit(try_bind(AF_INET6, PORT) < 0 && errno == EADDRINUSE ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    close(bound(AF_INET6));
}
END_TEST

START_TEST(test_a_third_socket_does_not_get_the_port)
{
    int fd4, fd6;

    bind_both(&fd4, &fd6, _i);
    ck_assert_int_eq(try_bind(AF_INET, PORT), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    ck_assert_int_eq(try_bind(AF_INET6, PORT), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
}
END_TEST

int main(int argc, char *argv[])
{
    const TTest *const in_two_ways[] = {
        test_each_reads_its_own_family,
        test_af_inet_alone_reads_ipv6_as_on_freebsd_only,
        test_af_inet6_alone_reads_no_ipv4,
        test_packets_of_the_other_family_are_not_sent,
        test_poll_and_select_tell_them_apart,
        test_epoll_tells_them_apart,
        test_reader_of_one_wakes_the_reader_of_the_other,
        test_unread_packets_of_one_do_not_hold_up_the_other,
        test_shutdown_of_one_leaves_the_other,
        test_killed_process_was_the_last_with_the_other,
        test_another_process_does_not_get_the_port,
        test_a_third_socket_does_not_get_the_port,
    };
    const TTest *const in_four_ways[] = {test_closing_one_leaves_the_other};
    const TTest *const in_eight_ways[] = {test_two_processes_serve_one_each};
    int failed;

    if (argc > 1)
        echo(atoi(argv[1]));
    failed =
        run_suite_with("families", in_two_ways, sizeof(in_two_ways) / sizeof(in_two_ways[0]), 2);
    if (failed == 77)
        return failed;
    failed |= run_suite_with("families, close", in_four_ways, 1, 4);
    return failed | run_suite_with("families, processes", in_eight_ways, 1, 8);
}
