/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the kernel for the generation of nf_tables, without a tool. */
#include "nft/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct message {
    struct nlmsghdr head;
    struct nfgenmsg body;
    char attributes[256];
};

static uint32_t read_generation(const struct message *m, size_t len)
{
    uint32_t generation = 0;
    struct nlattr attribute;

    if (len < sizeof(m->head) + sizeof(m->body) || m->head.nlmsg_type == NLMSG_ERROR)
        return 0;
    len -= sizeof(m->head) + sizeof(m->body);
    for (size_t at = 0; at + NLA_HDRLEN + sizeof(generation) <= len;
         at += NLA_ALIGN(attribute.nla_len)) {
        memcpy(&attribute, m->attributes + at, sizeof(attribute));
        if (attribute.nla_type == NFTA_GEN_ID)
            memcpy(&generation, m->attributes + at + NLA_HDRLEN, sizeof(generation));
        if (attribute.nla_len < NLA_HDRLEN)
            break;
    }
    return ntohl(generation);
}

uint32_t nft_generation(void)
{
    struct message m = {
        .head = {.nlmsg_len = sizeof(m.head) + sizeof(m.body),
                 .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
                 .nlmsg_flags = NLM_F_REQUEST},
        .body = {.version = NFNETLINK_V0},
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    ssize_t len = -1;

    if (fd < 0)
        return 0;
    if (send(fd, &m, m.head.nlmsg_len, 0) > 0)
        len = recv(fd, &m, sizeof(m), 0);
    close(fd);
    return len < 0 ? 0 : read_generation(&m, (size_t)len);
}
