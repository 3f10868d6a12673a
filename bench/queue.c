/* SPDX-License-Identifier: BSD-2-Clause */
#include "queue.h"

/* The library's own copy of this header is deprecated, and newer ones warn of it. */
#include <linux/netfilter/nfnetlink_queue.h>

#include <arpa/inet.h>
#include <err.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <sys/socket.h>

#define RECEIVE_BYTES 4096 /* of the receive buffer, for each packet of the queue */

static char buffer[8192];

static void send_and_check(struct mnl_socket *nl, struct nlmsghdr *message)
{
    ssize_t len;

    message->nlmsg_flags |= NLM_F_ACK;
    if (mnl_socket_sendto(nl, message, message->nlmsg_len) == -1)
        err(1, "netlink send");
    len = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
    if (len == -1 ||
        mnl_cb_run(buffer, (size_t)len, 0, mnl_socket_get_portid(nl), NULL, NULL) == -1)
        err(1, "cannot bind the queue");
}

struct mnl_socket *queue_open(uint16_t queue, uint32_t length, uint32_t flags)
{
    struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
    int size = (int)length * RECEIVE_BYTES, on = 1;
    struct nlmsghdr *message;

    if (nl == NULL || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == -1)
        err(1, "netlink socket");
    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    mnl_socket_setsockopt(nl, NETLINK_NO_ENOBUFS, &on, sizeof(on));

    message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue);
    nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    send_and_check(nl, message);

    message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue);
    nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, PACKET_MAX);
    nfq_nlmsg_cfg_put_qmaxlen(message, length);
    mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(flags));
    mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(flags));
    send_and_check(nl, message);
    return nl;
}
