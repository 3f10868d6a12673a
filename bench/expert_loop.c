/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expert_loop: the fastest hand-written loop on NFQUEUE for the work of divert_loop: receives all
 * packets that are there by one system call, and accepts them by another.
 *
 *     expert_loop [-b BATCH] [-g] [-r] QUEUE [LENGTH]
 *
 * BATCH packets are taken at most (64). -g takes large packets uncut. -r sends the packets once
 * more through the hook, with the mark that they have, as divert-run's rules want it. LENGTH
 * packets wait in the queue at most (8192).
 */
#define _GNU_SOURCE
#include "meter.h"
#include "queue.h"

/* The library's own copy of this header is deprecated, and newer ones warn of it. */
#include <linux/netfilter/nfnetlink_queue.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS   50
#define BATCH_MAX 64

struct message {
    _Alignas(64) char bytes[PACKET_MAX + 4096];
    char apart[1600]; /* not a power of two apart */
};

static struct message messages[BATCH_MAX];
static struct iovec iov[BATCH_MAX];
static struct mmsghdr came[BATCH_MAX];

struct loop {
    struct mnl_socket *nl;
    uint16_t queue;
    unsigned batch;
    uint32_t flags;
    bool repeat;
};

/* The last packet of those that came. */
struct last {
    bool any;
    uint32_t id, mark;
};

static void note_packet(const struct nlmsghdr *message, struct last *last)
{
    const struct nlattr *attr;

    if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
        return;
    mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg))
    {
        const struct nfqnl_msg_packet_hdr *header = mnl_attr_get_payload(attr);

        if (mnl_attr_get_type(attr) == NFQA_PACKET_HDR) {
            last->any = true;
            last->id = ntohl(header->packet_id);
        } else if (mnl_attr_get_type(attr) == NFQA_MARK) {
            last->mark = ntohl(mnl_attr_get_u32(attr));
        }
    }
}

/* One verdict for all packets up to that one. */
static void let_go_on(const struct loop *l, const struct last *last)
{
    char verdict[256];
    struct nlmsghdr *message = nfq_nlmsg_put(verdict, NFQNL_MSG_VERDICT_BATCH, l->queue);

    nfq_nlmsg_verdict_put(message, (int)last->id, l->repeat ? NF_REPEAT : NF_ACCEPT);
    if (l->repeat)
        nfq_nlmsg_verdict_put_mark(message, last->mark);
    if (mnl_socket_sendto(l->nl, message, message->nlmsg_len) == -1)
        err(1, "netlink send");
}

static void pass_all(const struct loop *l)
{
    struct last last = {0};
    int count = recvmmsg(mnl_socket_get_fd(l->nl), came, l->batch, MSG_WAITFORONE, NULL);

    if (count == -1 && errno != EINTR && errno != EAGAIN && errno != ENOBUFS)
        err(1, "netlink receive");
    for (int i = 0; i < count; i++)
        note_packet((const struct nlmsghdr *)messages[i].bytes, &last);
    if (last.any) {
        let_go_on(l, &last);
        meter_count((unsigned long)count);
    }
}

/* A wait ends now and then, so that a signal that came before it is noticed. */
static void prepare(const struct loop *l)
{
    struct timeval timeout = {.tv_usec = WAIT_MS * 1000};

    setsockopt(mnl_socket_get_fd(l->nl), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    for (unsigned i = 0; i < l->batch; i++) {
        iov[i] = (struct iovec){messages[i].bytes, sizeof(messages[i].bytes)};
        came[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
    }
}

int main(int argc, char *argv[])
{
    struct loop l = {.batch = BATCH_MAX};
    int option;

    while ((option = getopt(argc, argv, "b:gr")) != -1) {
        if (option == 'b')
            l.batch = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'g')
            l.flags = NFQA_CFG_F_GSO;
        else if (option == 'r')
            l.repeat = true;
    }
    if (argc - optind < 1 || argc - optind > 2 || l.batch < 1 || l.batch > BATCH_MAX)
        errx(2, "usage: expert_loop [-b batch] [-g] [-r] queue [length]");
    meter_init();
    l.queue = (uint16_t)strtoul(argv[optind], NULL, 10);
    l.nl = queue_open(
        l.queue, argc - optind == 2 ? (uint32_t)strtoul(argv[optind + 1], NULL, 10) : QUEUE_MAXLEN,
        l.flags);
    prepare(&l);
    while (!meter_stop)
        pass_all(&l);
    meter_report();
    return 0;
}
