/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtt: sends pings one after the other, each as soon as the last one is answered.
 *
 *     rtt -n COUNT -s SECONDS [-c CPU] ADDRESS
 *
 * Prints the round trip times in microseconds: "count=N lost=N median=US p99=US".
 */
#include "tool.h"

#include <err.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define COUNT_MAX  1000000ul
#define WAIT_MS    200 /* for one answer */
#define DATA_BYTES 56  /* as ping(8) sends */

struct echo {
    struct icmphdr icmp;
    uint8_t data[DATA_BYTES];
};

static double rtt_us[COUNT_MAX];

static int open_icmp(struct sockaddr_in to)
{
    struct timeval wait = {.tv_usec = WAIT_MS * 1000};
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

    if (fd == -1)
        err(1, "socket");
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
        err(1, "connect");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    return fd;
}

static void make_echo(struct echo *echo, uint16_t sequence)
{
    uint16_t words[sizeof(*echo) / 2];
    uint32_t sum = 0;

    memset(echo, 0, sizeof(*echo));
    echo->icmp.type = ICMP_ECHO;
    echo->icmp.un.echo.id = (uint16_t)getpid();
    echo->icmp.un.echo.sequence = sequence;
    memcpy(words, echo, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        sum += words[i];
    sum = (sum & 0xffff) + (sum >> 16);
    echo->icmp.checksum = (uint16_t) ~(sum + (sum >> 16));
}

static int is_answer(const uint8_t *packet, ssize_t len, const struct echo *echo)
{
    struct icmphdr icmp;
    size_t header = (size_t)(packet[0] & 15) * 4;

    if (len < (ssize_t)(header + sizeof(icmp)))
        return 0;
    memcpy(&icmp, packet + header, sizeof(icmp));
    return icmp.type == ICMP_ECHOREPLY && icmp.un.echo.id == echo->icmp.un.echo.id &&
           icmp.un.echo.sequence == echo->icmp.un.echo.sequence;
}

/* Microseconds, or a negative number if no answer came. */
static double ping(int fd, uint16_t sequence)
{
    struct echo echo;
    uint8_t packet[2048];
    int64_t begin;
    ssize_t len;

    make_echo(&echo, sequence);
    begin = now_ns();
    if (send(fd, &echo, sizeof(echo), 0) == -1)
        err(1, "send");
    do {
        len = recv(fd, packet, sizeof(packet), 0);
        if (len == -1)
            return -1;
    } while (!is_answer(packet, len, &echo));
    return (double)(now_ns() - begin) / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char *argv[])
{
    unsigned long count = 0, got = 0, lost = 0;
    int64_t ns = 0, end;
    int fd, option;

    while ((option = getopt(argc, argv, "c:n:s:")) != -1) {
        if (option == 'c')
            pin(parse_number(optarg, 1023));
        else if (option == 'n')
            count = parse_number(optarg, COUNT_MAX);
        else if (option == 's')
            ns = parse_seconds(optarg);
    }
    if (optind != argc - 1 || count == 0 || ns == 0)
        errx(2, "usage: rtt -n count -s seconds [-c cpu] address");
    fd = open_icmp(parse_address(argv[optind], "0"));
    end = now_ns() + ns;
    while (got + lost < count && now_ns() < end) {
        double us = ping(fd, (uint16_t)(got + lost));

        if (us < 0)
            lost++;
        else
            rtt_us[got++] = us;
    }
    if (got == 0)
        errx(1, "no answer from %s", argv[optind]);
    qsort(rtt_us, got, sizeof(rtt_us[0]), by_size);
    printf("count=%lu lost=%lu median=%.1f p99=%.1f\n", got, lost, rtt_us[got / 2],
           rtt_us[got * 99 / 100]);
    return 0;
}
