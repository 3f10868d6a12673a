/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flood: sends UDP, as fast as one core can or at a steady rate, for a bounded time and a bounded
 * number of packets.
 *
 *     flood -s SECONDS [-n COUNT] [-r PACKETS-PER-SECOND] [-l LENGTH] [-a ADDRESSES] [-c CPU] [-g]
 *           ADDRESS PORT
 *
 * LENGTH is that of the IP packet (64). With -a the packets go to that many addresses in turn, from
 * ADDRESS up. With -g the kernel gets many at once (UDP_SEGMENT) and segments them where needed: as
 * with a network card's GRO, and cheap enough to keep a fast queue busy. Prints what it sent:
 * "sent=PACKETS wall_ns=NANOSECONDS".
 */
#define _GNU_SOURCE
#include "tool.h"

#include <err.h>
#include <errno.h>
#include <linux/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADERS_LEN (20 + 8)
#define LENGTH_MAX  65535
#define BATCH       64
#define COUNT_MAX   1000000000ul
#define NAP_NS      50000 /* how long a steady flood sleeps when it is ahead of its rate */

struct options {
    int64_t ns;
    unsigned long count, rate, length, addresses;
    int at_once;
};

static void usage(void)
{
    errx(2, "usage: flood -s seconds [-n count] [-r rate] [-l length] [-a addresses] [-c cpu] "
            "[-g] address port");
}

static void nap(void)
{
    static const struct timespec time = {.tv_nsec = NAP_NS};

    nanosleep(&time, NULL);
}

/* How many packets are due. */
static unsigned long due(const struct options *o, unsigned long sent, int64_t passed)
{
    unsigned long limit = o->count;

    if (o->rate != 0) {
        unsigned long by_rate = (unsigned long)((double)passed * 1e-9 * (double)o->rate);

        limit = by_rate < limit ? by_rate : limit;
    }
    limit = limit > sent ? limit - sent : 0;
    return limit < BATCH ? limit : BATCH;
}

/* Sends that many packets as one; returns how many, or -1. */
static int send_at_once(int fd, struct msghdr *to, unsigned long packets)
{
    struct iovec *iov = to->msg_iov;
    size_t each = iov->iov_len, room = (LENGTH_MAX - HEADERS_LEN) / each;
    ssize_t n;

    packets = packets < room ? packets : room;
    iov->iov_len = packets * each;
    n = sendmsg(fd, to, 0);
    iov->iov_len = each;
    return n == -1 ? -1 : (int)packets;
}

static unsigned long flood(int fd, const struct options *o, struct sockaddr_in first)
{
    static char payload[LENGTH_MAX];
    static struct sockaddr_in to[BATCH];
    struct iovec iov = {.iov_base = payload, .iov_len = o->length - HEADERS_LEN};
    struct mmsghdr batch[BATCH * 2]; /* a batch begins with any of the addresses */
    unsigned long sent = 0;
    int64_t begin = now_ns(), passed = 0;

    for (unsigned i = 0; i < o->addresses; i++) {
        to[i] = first;
        to[i].sin_addr.s_addr = htonl(ntohl(first.sin_addr.s_addr) + i);
    }
    memset(batch, 0, sizeof(batch));
    for (unsigned i = 0; i < BATCH * 2; i++) {
        batch[i].msg_hdr.msg_iov = &iov;
        batch[i].msg_hdr.msg_iovlen = 1;
        batch[i].msg_hdr.msg_name = &to[i % o->addresses];
        batch[i].msg_hdr.msg_namelen = sizeof(to[0]);
    }
    for (; sent < o->count && passed < o->ns; passed = now_ns() - begin) {
        unsigned long now = due(o, sent, passed);
        struct mmsghdr *first = &batch[sent % o->addresses];
        int result = 0;

        if (now && o->at_once)
            result = send_at_once(fd, &first->msg_hdr, now);
        else if (now)
            result = sendmmsg(fd, first, (unsigned)now, 0);
        if (now == 0)
            nap();
        else if (result > 0)
            sent += (unsigned long)result;
        else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
            err(1, "sendmmsg");
    }
    return sent;
}

/* Makes the kernel cut what is sent into packets of that payload. */
static void cut_into(int fd, unsigned long payload)
{
    int size = (int)payload;

    if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) == -1)
        err(1, "UDP_SEGMENT");
}

int main(int argc, char *argv[])
{
    struct options o = {.count = COUNT_MAX, .length = 64, .addresses = 1};
    unsigned long sent;
    int64_t begin;
    int fd, option;

    while ((option = getopt(argc, argv, "a:c:gl:n:r:s:")) != -1) {
        if (option == 'a')
            o.addresses = parse_number(optarg, BATCH);
        else if (option == 'c')
            pin(parse_number(optarg, 1023));
        else if (option == 'g')
            o.at_once = 1;
        else if (option == 'l')
            o.length = parse_number(optarg, LENGTH_MAX);
        else if (option == 'n')
            o.count = parse_number(optarg, COUNT_MAX);
        else if (option == 'r')
            o.rate = parse_number(optarg, COUNT_MAX);
        else if (option == 's')
            o.ns = parse_seconds(optarg);
        else
            usage();
    }
    if (optind != argc - 2 || o.ns == 0 || o.addresses == 0 || o.length <= HEADERS_LEN)
        usage();
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd == -1)
        err(1, "socket");
    if (o.at_once)
        cut_into(fd, o.length - HEADERS_LEN);
    prctl(PR_SET_TIMERSLACK, 1);
    begin = now_ns();
    sent = flood(fd, &o, parse_address(argv[optind], argv[optind + 1]));
    printf("sent=%lu wall_ns=%lld\n", sent, (long long)(now_ns() - begin));
    return 0;
}
