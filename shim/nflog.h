/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NFLOG: copies of packets, which come to the same netlink socket as a queue's packets do. Numbers
 * are in host byte order.
 */
#ifndef DIVERTSHIM_NFLOG_H
#define DIVERTSHIM_NFLOG_H

#include "nfnetlink.h"

#include <linux/netlink.h>

/*
 * Has the copies of a group sent to fd, each at once and whole. Returns 0 or -errno: -EBUSY if
 * somebody has the group, -EOPNOTSUPP if the kernel has no nfnetlink_log.
 */
int nflog_bind(int fd, uint16_t group);

/* Whether a message is a copy. If so, *p tells what is known of it, and *payload has its bytes. */
bool nflog_parse(const struct nlmsghdr *nlh, struct nfqueue_packet *p,
                 const struct nlattr **payload);

#endif
