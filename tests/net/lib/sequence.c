/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbered packets that must arrive in order, and a program that passes them on. */
#include "sequence.h"

#include "make_packet.h"
#include "wire.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static uint8_t packet[256], got[2048];
static size_t len;
static struct sockaddr_in from;
static uint8_t arrived[NUMBERS];

void send_number(uint16_t number)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, (uint16_t)(number + 1), &number,
                   sizeof(number));
    wire_send(&in0, packet, len);
}

void send_numbers(uint16_t first, uint16_t behind)
{
    for (uint16_t i = first; i < behind; i++)
        send_number(i);
}

void note_number(void)
{
    uint16_t number;

    ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), 30);
    memcpy(&number, got + 28, sizeof(number));
    ck_assert_uint_lt(number, NUMBERS);
    ck_assert_msg(!arrived[number], "packet %u came twice", number);
    arrived[number] = 1;
}

int receive_numbers(int timeout_ms)
{
    struct pollfd p = {.fd = out0.fd, .events = POLLIN};
    int count = 0;

    while (poll(&p, 1, count ? QUIET_MS : timeout_ms) == 1) {
        note_number();
        count++;
    }
    return count;
}

void expect_numbers(uint16_t first, uint16_t behind)
{
    for (uint16_t i = first; i < behind; i++) {
        uint16_t number;

        ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), 30);
        memcpy(&number, got + 28, sizeof(number));
        ck_assert_msg(number == i, "expected packet %u, got packet %u", i, number);
    }
    wire_expect_silence(&out0);
}

void pass_one(int fd)
{
    size_t n = divert_read(fd, got, sizeof(got), &from);

    divert_write(fd, got, n, &from);
}

static void pass_for_ever(int fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size);

        if (n <= 0 || sendto(fd, got, (size_t)n, 0, (struct sockaddr *)&from, size) != n) {
            perror("the program");
            _exit(1);
        }
    }
}

pid_t start_program(int fd)
{
    pid_t pid = fork();

    if (pid == 0)
        pass_for_ever(fd);
    return pid;
}

pid_t start_program_alone(void)
{
    int fd = divert_bound(PORT);
    pid_t pid = start_program(fd);

    close(fd);
    divert_incoming(PORT);
    return pid;
}

static void expect_still_running(pid_t pid)
{
    int status;

    ck_assert_msg(waitpid(pid, &status, WNOHANG) == 0, "expected the program to go on");
}

void end_program(pid_t pid)
{
    expect_still_running(pid);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
