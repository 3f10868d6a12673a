/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NFLOG: copies of packets, which arrive on the same netlink socket as queued packets. Numbers are
 * in host byte order.
 */
#ifndef DIVERTSHIM_NFLOG_H
#define DIVERTSHIM_NFLOG_H

#include "nfnetlink.h"

#include <linux/netlink.h>

/*
 * Makes the kernel send the copies of a group to fd, each at once and whole. Returns 0 or -errno:
 * -EPERM if another socket has the group, -EOPNOTSUPP if the kernel has no nfnetlink_log.
 */
int nflog_bind(int fd, uint16_t group);

/* Whether a message is a copy. If so, *p is filled in but for its bytes, and *payload has these. */
bool nflog_parse(const struct nlmsghdr *nlh, struct nfqueue_packet *p,
                 const struct nlattr **payload);

#endif
