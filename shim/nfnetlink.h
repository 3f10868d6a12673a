/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The netlink socket of netfilter, which NFQUEUE and NFLOG share, and the packets that arrive on
 * it. Numbers are in host byte order.
 */
#ifndef DIVERTSHIM_NFNETLINK_H
#define DIVERTSHIM_NFNETLINK_H

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* A packet that was received from a queue or from NFLOG. */
struct nfqueue_packet {
    uint32_t id;    /* for the verdict */
    uint16_t queue; /* number of the queue it waits in */
    uint32_t mark;
    uint32_t indev; /* interface indices, 0 for none */
    uint32_t outdev;
    uint32_t len;     /* bytes of the packet */
    uint8_t hook;     /* NF_INET_* */
    uint8_t family;   /* AF_INET or AF_INET6 */
    bool is_tee;      /* a copy, see nflog.h: it waits for no verdict */
    bool gso;         /* a large (GSO) packet, which the kernel segments later */
    bool no_checksum; /* the transport checksum is left to the network card */
    uint16_t segment; /* of a copy that is read in segments: number of the next */
    uint32_t at;      /* offset in the ring's slots */
};

/*
 * A netlink socket for netfilter, close-on-exec. Returns the descriptor or -errno: -EPROTONOSUPPORT
 * if the kernel has no nfnetlink, what socket(2) says otherwise.
 */
int nfnetlink_open(void);

/* The number that an attribute holds; 0 for NULL. */
static inline uint32_t nfnetlink_number(const struct nlattr *attr)
{
    return attr ? ntohl(mnl_attr_get_u32(attr)) : 0;
}

/* Send messages. Return 0, or -errno of send(2): then the kernel has taken nothing. */
int nfnetlink_send(int fd, const struct nlmsghdr *nlh);
int nfnetlink_send_bytes(int fd, const void *bytes, size_t len);
int nfnetlink_send_pieces(int fd, const struct iovec *iov, size_t count);

/*
 * Filters out the kernel's answers, except EPERM: they would wake programs that wait for packets.
 * Returns 0 or -errno.
 */
int nfnetlink_drop_answers(int fd);

/*
 * Sends a message and reads the kernel's answer, which is there at once; messages before it are
 * lost. Returns 0 or -errno.
 */
int nfnetlink_request(int fd, struct nlmsghdr *nlh);

#endif
