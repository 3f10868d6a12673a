/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbered packets, and processes that pass them on. */
#include "numbered.h"

#include "make_packet.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static uint8_t packet[2000], got[2000];
static size_t len;
static struct sockaddr_in from;

void send_numbered(uint32_t number)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, (uint16_t)(number + 1), &number,
                   sizeof(number));
    wire_send(&in0, packet, len);
}

/* Reads and writes until no packet comes any more; returns how many. */
int pass_all(int fd)
{
    struct timeval time = {.tv_usec = 500000};
    socklen_t size = sizeof(from);
    int passed = 0;
    ssize_t n;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    while ((n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size)) > 0) {
        if (sendto(fd, got, (size_t)n, 0, (struct sockaddr *)&from, size) != n)
            return -1;
        passed++;
    }
    return passed;
}

pid_t child_that_passes(int fd)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(pass_all(fd) > 0 ? 0 : 1);
    return pid;
}

void expect_exit(pid_t pid, int expected)
{
    int status = -1;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == expected << 8, "expected exit status %d, got 0x%x", expected, status);
}

void expect_each_once(int count)
{
    uint8_t seen[PACKETS] = {0};

    for (int i = 0; i < count; i++) {
        uint32_t number;

        ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), NUMBERED_LEN);
        memcpy(&number, got + 28, sizeof(number));
        ck_assert_uint_lt(number, PACKETS);
        ck_assert_msg(!seen[number]++, "expected packet %u once, it came again", number);
    }
    wire_expect_silence(&out0);
}

bool port_free(int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = divert_socket(), result = bind(fd, (struct sockaddr *)&sin, sizeof(sin));

    close(fd);
    return result == 0;
}
