/* SPDX-License-Identifier: BSD-2-Clause */
/* Network interfaces and their addresses as rtnetlink(7) reports them. */
#ifndef DIVERTSHIM_RTNETLINK_H
#define DIVERTSHIM_RTNETLINK_H

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* Numbers are in host byte order. */
struct rtnetlink_link {
    uint32_t index;
    uint32_t flags; /* IFF_* */
    uint32_t mtu;
    uint16_t hardware; /* ARPHRD_* */
    uint8_t operstate; /* IF_OPER_* */
    uint8_t address_len;
    uint8_t address[32];
    char name[IFNAMSIZ]; /* with its NUL */
    struct rtnl_link_stats64 statistics;
};

/* Addresses are in network byte order, in the first 4 bytes for AF_INET. */
struct rtnetlink_address {
    uint32_t index; /* of the interface */
    uint8_t family; /* AF_INET or AF_INET6 */
    uint8_t prefix_len;
    bool has_other;
    uint8_t local[16];
    uint8_t other[16]; /* the broadcast address, or the peer's on a point-to-point link */
};

/*
 * Opens a socket that receives these multicast groups (RTMGRP_*; 0 for none), close-on-exec.
 * Returns it or -errno.
 */
int rtnetlink_open(uint32_t groups);

/*
 * Dumps all objects of a type (RTM_GETLINK, RTM_GETADDR) and family, and calls message for each.
 * False on an error, or if something changed meanwhile.
 */
bool rtnetlink_dump(int fd, uint16_t type, unsigned char family, mnl_cb_t message, void *data);

/*
 * Parse a message: RTM_NEWLINK or RTM_DELLINK, and RTM_NEWADDR or RTM_DELADDR. False if it is too
 * short, or of another family than IP.
 */
bool rtnetlink_read_link(const struct nlmsghdr *nlh, struct rtnetlink_link *link);
bool rtnetlink_read_address(const struct nlmsghdr *nlh, struct rtnetlink_address *address);

#endif
