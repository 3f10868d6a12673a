/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several sockets on one divert port, as SO_REUSEPORT_LB of FreeBSD 15 has it. Under
 * DIVERTSHIM_LISTENERS=4, see CMakeLists.txt.
 */
#include "make_packet.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LISTENERS 4
#define PEERS     64

#define SO_REUSEPORT_LB_OF_FREEBSD 0x00010000

static uint8_t packet[256], got[256];

static void divert_balanced(void)
{
    run("iptables -t raw -A PREROUTING -i in0 -j NFQUEUE --queue-balance %d:%d", PORT,
        PORT + LISTENERS - 1);
}

static int listener(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int fd = divert_socket(), on = 1;

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT_LB_OF_FREEBSD, &on, sizeof(on)), 0);
    if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0)
        return fd;
    ck_assert_int_eq(errno, EADDRINUSE);
    close(fd);
    return -1;
}

static size_t make(int peer, bool reply)
{
    char address[32];

    snprintf(address, sizeof(address), "10.1.0.%d", 2 + peer);
    if (reply)
        return make_udp(packet, OUT_PEER, 53, address, 1000, 7, "x", 1);
    return make_udp(packet, address, 1000, OUT_PEER, 53, 7, "x", 1);
}

/* Sends the packet, and returns which of the sockets gets it. */
static int who_gets(const int fds[LISTENERS], size_t len)
{
    struct pollfd p[LISTENERS];
    struct sockaddr_in from;

    for (int i = 0; i < LISTENERS; i++)
        p[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    wire_send(&in0, packet, len);
    ck_assert_int_eq(poll(p, LISTENERS, 10000), 1);
    for (int i = 0; i < LISTENERS; i++) {
        if (!p[i].revents)
            continue;
        ck_assert_uint_eq(divert_read(fds[i], got, sizeof(got), &from), len);
        divert_write(fds[i], got, len, &from);
        return i;
    }
    return -1;
}

START_TEST(test_flows_are_spread_and_both_directions_meet)
{
    int fds[LISTENERS], packets[LISTENERS] = {0};

    for (int i = 0; i < LISTENERS; i++)
        ck_assert_int_ge(fds[i] = listener(), 0);
    divert_balanced();
    for (int peer = 0; peer < PEERS; peer++) {
        size_t len = make(peer, false);
        int first = who_gets(fds, len);

        wire_expect(&out0, packet, len);
        ck_assert_int_eq(who_gets(fds, len), first);
        wire_expect(&out0, packet, len);
        ck_assert_int_eq(who_gets(fds, make(peer, true)), first);
        packets[first]++;
    }
    for (int i = 0; i < LISTENERS; i++)
        ck_assert_msg(packets[i] > 0, "expected packets at listener %d, got none", i);
}
END_TEST

/* An error is printed, with the option that says how many there may be. */
START_TEST(test_one_listener_too_many)
{
    char said[512] = "";
    int ends[2], standard_error = dup(STDERR_FILENO);

    for (int i = 0; i < LISTENERS; i++)
        ck_assert_int_ge(listener(), 0);
    ck_assert_int_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    ck_assert_int_lt(listener(), 0);
    dup2(standard_error, STDERR_FILENO);
    ck_assert_int_gt(read(ends[0], said, sizeof(said) - 1), 0);
    ck_assert_msg(strstr(said, "8000") && strstr(said, "--listeners"), "said: %s", said);
}
END_TEST

START_TEST(test_all_sockets_have_the_port)
{
    struct sockaddr_in sin;
    socklen_t size = sizeof(sin);

    for (int i = 0; i < LISTENERS; i++) {
        ck_assert_int_eq(getsockname(listener(), (struct sockaddr *)&sin, &size), 0);
        ck_assert_int_eq(ntohs(sin.sin_port), PORT);
    }
}
END_TEST

START_TEST(test_a_single_socket_gets_all)
{
    int fd = divert_bound(PORT);
    struct sockaddr_in from;

    divert_balanced();
    for (int peer = 0; peer < PEERS; peer++) {
        size_t len = make(peer, false);

        wire_send(&in0, packet, len);
        ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
        divert_write(fd, got, len, &from);
        wire_expect(&out0, packet, len);
    }
    ck_assert_int_lt(listener(), 0);
}
END_TEST

START_TEST(test_listeners_in_several_processes)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        for (int i = 0; i < LISTENERS - 1; i++)
            ck_assert_int_ge(listener(), 0);
        _exit(0);
    }
    ck_assert_int_ge(listener(), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_flows_are_spread_and_both_directions_meet,
        test_one_listener_too_many,
        test_all_sockets_have_the_port,
        test_a_single_socket_gets_all,
        test_listeners_in_several_processes,
    };

    return run_suite("listeners", tests, sizeof(tests) / sizeof(tests[0]));
}
