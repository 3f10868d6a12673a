/*
 * nfq_loop: a hand-written Linux program for the work of divert_loop, with libnetfilter_queue and
 * libmnl: waits in select(), reads a packet, accepts it.
 *
 *     nfq_loop QUEUE [LENGTH]
 *
 * LENGTH packets wait in the queue at most (8192).
 */
#include "meter.h"
#include "queue.h"

/* The library's own copy of this header is deprecated, and newer ones warn of it. */
#include <linux/netfilter/nfnetlink_queue.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>

#define WAIT_MS 50

static char buffer[PACKET_MAX + 4096];

static void send_message(struct mnl_socket *nl, const struct nlmsghdr *message)
{
    if (mnl_socket_sendto(nl, message, message->nlmsg_len) == -1)
        err(1, "netlink send");
}

static void accept_packet(struct mnl_socket *nl, uint16_t queue, uint32_t id)
{
    char verdict[256];
    struct nlmsghdr *message = nfq_nlmsg_put(verdict, NFQNL_MSG_VERDICT, queue);

    nfq_nlmsg_verdict_put(message, (int)id, NF_ACCEPT);
    send_message(nl, message);
    meter_count(1);
}

struct reader {
    struct mnl_socket *nl;
    uint16_t queue;
};

static int on_message(const struct nlmsghdr *message, void *data)
{
    const struct reader *reader = data;
    struct nlattr *attributes[NFQA_MAX + 1] = {NULL};
    const struct nfqnl_msg_packet_hdr *header;

    if (nfq_nlmsg_parse(message, attributes) == -1 || attributes[NFQA_PACKET_HDR] == NULL)
        return MNL_CB_ERROR;
    header = mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]);
    accept_packet(reader->nl, reader->queue, ntohl(header->packet_id));
    return MNL_CB_OK;
}

static void pass_one(struct reader *reader)
{
    ssize_t len = mnl_socket_recvfrom(reader->nl, buffer, sizeof(buffer));
    unsigned port = mnl_socket_get_portid(reader->nl);

    if (len == -1 && errno != EINTR && errno != ENOBUFS)
        err(1, "netlink receive");
    if (len > 0 && mnl_cb_run(buffer, (size_t)len, 0, port, on_message, reader) == -1)
        err(1, "netlink message");
}

int main(int argc, char *argv[])
{
    struct reader reader;
    int fd;

    if (argc != 2 && argc != 3)
        errx(2, "usage: nfq_loop queue [length]");
    meter_init();
    reader.queue = (uint16_t)strtoul(argv[1], NULL, 10);
    reader.nl = queue_open(reader.queue,
                           argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : QUEUE_MAXLEN, 0);
    fd = mnl_socket_get_fd(reader.nl);
    while (!meter_stop) {
        struct timeval timeout = {.tv_sec = 0, .tv_usec = WAIT_MS * 1000};
        fd_set readable;
        int ready;

        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        ready = select(fd + 1, &readable, NULL, NULL, &timeout);
        if (ready > 0)
            pass_one(&reader);
        else if (ready == -1 && errno != EINTR)
            err(1, "select");
    }
    meter_report();
    return 0;
}
