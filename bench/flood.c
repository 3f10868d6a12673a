/*
 * flood: sends UDP in IP packets of 64 bytes as fast as one core can, for a bounded
 * time and a bounded number of packets.
 *
 *     flood -s SECONDS [-n COUNT] [-c CPU] ADDRESS PORT
 *
 * Prints what it sent: "sent=PACKETS wall_ns=NANOSECONDS".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD_LEN (64 - 20 - 8)
#define BATCH       64
#define SECONDS_MAX 60
#define COUNT_MAX   1000000000ul

static void usage(void)
{
    fprintf(stderr, "usage: flood -s seconds [-n count] [-c cpu] address port\n");
    exit(2);
}

static unsigned long parse_number(const char *text, unsigned long max)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || number > max)
        errx(2, "not a number up to %lu: %s", max, text);
    return number;
}

static void pin(unsigned long cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) == -1)
        err(1, "cannot run on CPU %lu", cpu);
}

static long long now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static int connect_to(const char *address, unsigned long port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd == -1)
        err(1, "socket");
    if (inet_pton(AF_INET, address, &sin.sin_addr) != 1)
        errx(2, "not an IPv4 address: %s", address);
    if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
        err(1, "connect to %s", address);
    return fd;
}

static unsigned long send_for(int fd, long long ns, unsigned long count)
{
    static char payload[PAYLOAD_LEN];
    struct iovec iov = {.iov_base = payload, .iov_len = sizeof(payload)};
    struct mmsghdr batch[BATCH];
    long long end = now_ns() + ns;
    unsigned long sent = 0;

    memset(batch, 0, sizeof(batch));
    for (int i = 0; i < BATCH; i++) {
        batch[i].msg_hdr.msg_iov = &iov;
        batch[i].msg_hdr.msg_iovlen = 1;
    }
    while (sent < count && now_ns() < end) {
        unsigned long left = count - sent;
        int result = sendmmsg(fd, batch, left < BATCH ? (unsigned)left : BATCH, 0);

        if (result > 0)
            sent += (unsigned long)result;
        else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
            err(1, "sendmmsg");
    }
    return sent;
}

int main(int argc, char *argv[])
{
    unsigned long seconds = 0, count = COUNT_MAX, sent;
    long long begin;
    int fd, option;

    while ((option = getopt(argc, argv, "c:n:s:")) != -1) {
        if (option == 'c')
            pin(parse_number(optarg, CPU_SETSIZE - 1));
        else if (option == 'n')
            count = parse_number(optarg, COUNT_MAX);
        else if (option == 's')
            seconds = parse_number(optarg, SECONDS_MAX);
        else
            usage();
    }
    if (optind != argc - 2 || seconds == 0)
        usage();

    fd = connect_to(argv[optind], parse_number(argv[optind + 1], 65535));
    begin = now_ns();
    sent = send_for(fd, (long long)seconds * 1000000000ll, count);
    printf("sent=%lu wall_ns=%lld\n", sent, now_ns() - begin);
    return 0;
}
