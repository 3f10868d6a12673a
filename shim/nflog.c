/* SPDX-License-Identifier: BSD-2-Clause */
/* NFLOG: binding a group, and parsing a copy. */
#include "nflog.h"

#include "real.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_log/libnetfilter_log.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#define MESSAGE_MAX 131072 /* bytes; the kernel's limit. The largest packet fits */

int nflog_bind(int fd, uint16_t group)
{
    char buf[256] __attribute__((aligned(MNL_ALIGNTO))) = {0};
    struct nlmsghdr *nlh = nflog_nlmsg_put_header(buf, NFULNL_MSG_CONFIG, AF_UNSPEC, group);
    int err;

    nflog_attr_put_cfg_cmd(nlh, NFULNL_CFG_CMD_BIND);
    err = nfnetlink_request(fd, nlh);
    if (err)
        return err == -EINVAL ? -EOPNOTSUPP : err;

    nlh = nflog_nlmsg_put_header(buf, NFULNL_MSG_CONFIG, AF_UNSPEC, group);
    mnl_attr_put_u32(nlh, NFULA_CFG_NLBUFSIZ, htonl(MESSAGE_MAX));
    mnl_attr_put_u32(nlh, NFULA_CFG_QTHRESH, htonl(1));
    nflog_attr_put_cfg_mode(nlh, NFULNL_COPY_PACKET, 0xffff);
    return nfnetlink_send(fd, nlh);
}

bool nflog_parse(const struct nlmsghdr *nlh, struct nfqueue_packet *p,
                 const struct nlattr **payload)
{
    struct nlattr *attr[NFULA_MAX + 1] = {0};
    const struct nfulnl_msg_packet_hdr *header;

    if (nlh->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
        return false;
    if (nflog_nlmsg_parse(nlh, attr) < 0 || !attr[NFULA_PACKET_HDR] || !attr[NFULA_PAYLOAD])
        return false;
    header = mnl_attr_get_payload(attr[NFULA_PACKET_HDR]);
    *p = (struct nfqueue_packet){
        .is_tee = true,
        .hook = header->hook,
        .family = ntohs(header->hw_protocol) == ETH_P_IPV6 ? AF_INET6 : AF_INET,
        .mark = nfnetlink_number(attr[NFULA_MARK]),
        .indev = nfnetlink_number(attr[NFULA_IFINDEX_INDEV]),
        .outdev = nfnetlink_number(attr[NFULA_IFINDEX_OUTDEV]),
    };
    *payload = attr[NFULA_PAYLOAD];
    return true;
}
