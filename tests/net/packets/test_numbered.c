/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbered packets through a program that rewrites every other one: none is lost, duplicated or
 * reordered. 300,000 of them, with no more than WINDOW on the way at a time, so that no queue can
 * overflow; and a burst into a program that is not reading.
 */
#include "make_packet.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PACKETS    300000u
#define WINDOW     500
#define BURST      10000u
#define TIMEOUT_MS 20000
#define PAYLOAD    28 /* its offset in a packet */

struct payload {
    uint32_t number;
    uint32_t rewritten; /* by the program, to number + 1 */
};

static uint8_t buffer[2048];

static void rewrite(uint8_t *packet)
{
    struct payload p;

    memcpy(&p, packet + PAYLOAD, sizeof(p));
    if (p.number % 2)
        p.rewritten = p.number + 1;
    memcpy(packet + PAYLOAD, &p, sizeof(p));
}

static void pass_for_ever(int fd)
{
    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &size);

        if (n > 0)
            rewrite(buffer);
        if (n <= 0 || sendto(fd, buffer, (size_t)n, 0, (struct sockaddr *)&from, size) != n) {
            perror("the program");
            _exit(1);
        }
    }
}

static pid_t start_program(void)
{
    int fd = divert_bound(PORT);
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pass_for_ever(fd);
    }
    close(fd);
    divert_incoming(PORT);
    return pid;
}

static void send_number(uint32_t number)
{
    struct payload p = {.number = number};
    uint8_t packet[64];

    wire_send(&in0, packet,
              make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, (uint16_t)number, &p, sizeof(p)));
}

/* Receives the next packets at the far end; returns how many. */
static uint32_t receive_from(uint32_t next)
{
    uint8_t frame[2048];
    uint32_t first = next;
    ssize_t n;

    while ((n = recv(out0.fd, frame, sizeof(frame), MSG_DONTWAIT)) > 0) {
        struct payload p;

        ck_assert_int_eq(n, 14 + PAYLOAD + sizeof(p));
        memcpy(&p, frame + 14 + PAYLOAD, sizeof(p));
        ck_assert_msg(p.number == next, "expected packet %u, got packet %u", next, p.number);
        ck_assert_uint_eq(p.rewritten, p.number % 2 ? p.number + 1 : 0);
        next++;
    }
    return next - first;
}

static uint32_t wait_and_receive(uint32_t next)
{
    struct pollfd p = {.fd = out0.fd, .events = POLLIN};

    ck_assert_msg(poll(&p, 1, TIMEOUT_MS) == 1, "expected packet %u, nothing came", next);
    return receive_from(next);
}

/* Ends the program. */
static void expect_no_more(pid_t program)
{
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    kill(program, SIGKILL);
    ck_assert_int_eq(waitpid(program, NULL, 0), program);
}

START_TEST(test_300000_packets_arrive_once_and_in_order)
{
    pid_t program = start_program();
    uint32_t sent = 0, received = 0;

    while (received < PACKETS) {
        while (sent < PACKETS && sent - received < WINDOW)
            send_number(sent++);
        received += wait_and_receive(received);
    }
    expect_no_more(program);
}
END_TEST

/* The kernel's queue and the socket's buffer, with their default sizes, hold them all. */
START_TEST(test_burst_into_a_program_that_sleeps)
{
    pid_t program = start_program();
    uint32_t received = 0;

    kill(program, SIGSTOP);
    for (uint32_t i = 0; i < BURST; i++)
        send_number(i);
    for (int waited = 0; queue_waiting(PORT) < BURST && waited < TIMEOUT_MS; waited++)
        usleep(1000);
    ck_assert_uint_eq(queue_waiting(PORT), BURST);
    usleep(50000);
    kill(program, SIGCONT);
    while (received < BURST)
        received += wait_and_receive(received);
    expect_no_more(program);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_300000_packets_arrive_once_and_in_order,
        test_burst_into_a_program_that_sleeps,
    };

    return run_suite_for("numbered", tests, sizeof(tests) / sizeof(tests[0]), 500);
}
