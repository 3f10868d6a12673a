/* SPDX-License-Identifier: BSD-2-Clause */
/* Routing sockets: a netlink socket whose messages are translated to BSD's. */
#include "bsd/route_socket.h"

#include "bsd/route_message.h"
#include "fdtable.h"
#include "netif/rtnetlink.h"
#include "real.h"
#include "util/scatter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#define MESSAGE_BUFFER 16384 /* a message about a link with all its attributes takes some 2000 */

/*
 * The multicast groups carry more than is reported: bridge ports, and events of wireless links that
 * change nothing about the link. A socket filter drops these before anybody is woken.
 */
static int filter_reports(int fd)
{
    enum { ACCEPT = 11, DROP };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWADDR), ACCEPT - 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELADDR), ACCEPT - 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWLINK), 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELLINK), 0, DROP - 5),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, sizeof(struct nlmsghdr)), /* ifi_family */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNSPEC, 0, DROP - 7),
        BPF_STMT(BPF_LD | BPF_IMM, NLMSG_LENGTH(sizeof(struct ifinfomsg))),
        BPF_STMT(BPF_LDX | BPF_IMM, IFLA_MTU),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_NLATTR),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, DROP - ACCEPT, 0),
        BPF_STMT(BPF_RET | BPF_K, ~0u),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

    return real.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

static uint32_t groups_of(int family)
{
    uint32_t groups = RTMGRP_LINK;

    if (family != AF_INET6)
        groups |= RTMGRP_IPV4_IFADDR;
    if (family != AF_INET)
        groups |= RTMGRP_IPV6_IFADDR;
    return groups;
}

/* If the program does not keep up, messages are lost without an error, as on BSD. */
static int prepare(int fd, int family)
{
    struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = groups_of(family)};
    int yes = 1;

    if (filter_reports(fd) < 0 ||
        real.setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &yes, sizeof(yes)) < 0 ||
        real.bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0)
        return -errno;
    return fdtable_set(fd, FD_ROUTE);
}

int route_open(int type, int family)
{
    int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC), fd, err;

    if ((type & ~flags) != SOCK_RAW)
        return -EPROTOTYPE;
    if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6)
        return -EPROTONOSUPPORT;
    fd = real.socket(AF_NETLINK, SOCK_RAW | flags, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    err = prepare(fd, family);
    if (err) {
        real.close(fd);
        return err;
    }
    return fd;
}

static size_t translate_address(const struct nlmsghdr *nlh, void *message)
{
    struct rtnetlink_address address;
    struct rtnetlink_link link = {0};

    if (!rtnetlink_read_address(nlh, &address))
        return 0;
    link.index = address.index;
    if (!if_indextoname(address.index, link.name))
        link.name[0] = '\0';
    return route_message_address(message, &address, nlh->nlmsg_type == RTM_DELADDR, &link);
}

/* Translates a message of the kernel; returns the length, or 0 if it has no counterpart. */
static size_t translate(const struct nlmsghdr *nlh, ssize_t len, void *message)
{
    struct rtnetlink_link link;

    if (!mnl_nlmsg_ok(nlh, (int)len))
        return 0;
    switch (nlh->nlmsg_type) {
    case RTM_NEWADDR:
    case RTM_DELADDR:
        return translate_address(nlh, message);
    case RTM_NEWLINK:
        return rtnetlink_read_link(nlh, &link) ? route_message_link(message, &link) : 0;
    case RTM_DELLINK:
        return rtnetlink_read_link(nlh, &link) ? route_message_gone(message, &link) : 0;
    default:
        return 0;
    }
}

/* The same, with a buffer for the kernel's message. */
static ssize_t receive_with(char *buf, int fd, void *message, int flags)
{
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t size = sizeof(from);
        ssize_t n = real.recvfrom(fd, buf, MESSAGE_BUFFER, flags & (MSG_PEEK | MSG_DONTWAIT),
                                  (struct sockaddr *)&from, &size);
        size_t len = 0;

        if (n < 0)
            return -errno;
        if (from.nl_pid == 0) /* from the kernel */
            len = translate((const struct nlmsghdr *)(void *)buf, n, message);
        if (len)
            return (ssize_t)len;
        if (flags & MSG_PEEK)
            real.recv(fd, buf, MESSAGE_BUFFER, MSG_DONTWAIT);
    }
}

static void unmap_buffer(void *buf)
{
    munmap(buf, MESSAGE_BUFFER);
}

/*
 * The next message, of ROUTE_MESSAGE_MAX bytes at most. Returns its length, or -errno. The buffer
 * is mapped: the thread may have a small stack, and may be cancelled while it waits.
 */
static ssize_t receive_message(int fd, void *message, int flags)
{
    char *buf =
        mmap(NULL, MESSAGE_BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ssize_t n;

    if (buf == MAP_FAILED)
        return -ENOBUFS;
    pthread_cleanup_push(unmap_buffer, buf);
    n = receive_with(buf, fd, message, flags);
    pthread_cleanup_pop(1);
    return n;
}

static void give_route_address(struct msghdr *msg)
{
    struct sockaddr address = {.sa_family = ROUTE_FAMILY};
    size_t len = sizeof(address);

    if (!msg->msg_name)
        return;
    memcpy(msg->msg_name, &address, msg->msg_namelen < len ? msg->msg_namelen : len);
    msg->msg_namelen = (socklen_t)len;
}

ssize_t route_recvmsg(int fd, struct msghdr *msg, int flags)
{
    uint64_t message[ROUTE_MESSAGE_MAX / sizeof(uint64_t)];
    ssize_t len = receive_message(fd, message, flags);
    size_t copied;

    if (len < 0)
        return len;
    copied = scatter(msg, (const uint8_t *)message, (size_t)len);
    give_route_address(msg);
    msg->msg_controllen = 0;
    msg->msg_flags = copied < (size_t)len ? MSG_TRUNC : 0;
    return flags & MSG_TRUNC ? len : (ssize_t)copied;
}

int route_next_len(int fd)
{
    uint64_t message[ROUTE_MESSAGE_MAX / sizeof(uint64_t)];
    ssize_t len = receive_message(fd, message, MSG_PEEK | MSG_DONTWAIT);

    return len < 0 ? 0 : (int)len;
}
