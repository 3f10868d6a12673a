/* SPDX-License-Identifier: BSD-2-Clause */
/* The netlink socket of netfilter: opening it, and sending to the kernel. */
#include "nfnetlink.h"

#include "real.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stdatomic.h>

#define SEND_ATTEMPTS 3 /* the kernel may have memory a moment later */
#define OVERRUNS_MAX  3 /* the kernel reports one overrun once, and goes on */

int nfnetlink_open(void)
{
    int fd = real.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    int on = 1;

    if (fd < 0)
        return -errno;
    /* Without ENOBUFS: if the buffer is full the kernel drops the packet, as BSD does. */
    real.setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
    real.setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    return fd;
}

/* Whether to try a failed send again; the kernel has taken nothing of it. */
static bool send_again(int *attempts)
{
    return errno == EINTR || ((errno == ENOBUFS || errno == ENOMEM || errno == EAGAIN) &&
                              ++*attempts < SEND_ATTEMPTS);
}

int nfnetlink_send_pieces(int fd, const struct iovec *iov, size_t count)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct msghdr msg = {
        .msg_name = &kernel,
        .msg_namelen = sizeof(kernel),
        .msg_iov = (struct iovec *)iov,
        .msg_iovlen = count,
    };
    int attempts = 0;

    while (real.sendmsg(fd, &msg, 0) < 0) {
        if (!send_again(&attempts))
            return -errno;
    }
    return 0;
}

int nfnetlink_send_bytes(int fd, const void *bytes, size_t len)
{
    int attempts = 0;

    while (real.send(fd, bytes, len, 0) < 0) {
        if (!send_again(&attempts))
            return -errno;
    }
    return 0;
}

int nfnetlink_send(int fd, const struct nlmsghdr *nlh)
{
    return nfnetlink_send_bytes(fd, nlh, nlh->nlmsg_len);
}

int nfnetlink_request(int fd, struct nlmsghdr *nlh)
{
    static _Atomic uint32_t sequence;
    char answer[512] __attribute__((aligned(8)));
    ssize_t n;
    int err, overruns = 0;

    nlh->nlmsg_flags |= NLM_F_ACK;
    nlh->nlmsg_seq = ++sequence;
    err = nfnetlink_send(fd, nlh);
    if (err)
        return err;
    for (;;) {
        const struct nlmsghdr *got = (const struct nlmsghdr *)answer;

        n = real.recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || (errno == ENOBUFS && ++overruns < OVERRUNS_MAX)))
            continue;
        if (n < 0)
            return -errno;
        if (n >= (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) && got->nlmsg_type == NLMSG_ERROR &&
            got->nlmsg_seq == nlh->nlmsg_seq)
            return ((const struct nlmsgerr *)NLMSG_DATA(got))->error;
    }
}

/*
 * The filter's loads convert from network byte order, but netlink headers are in host byte order:
 * hence htons() and htonl().
 */
int nfnetlink_drop_answers(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(NLMSG_ERROR), 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NLMSG_LENGTH(offsetof(struct nlmsgerr, error))),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t)-EPERM), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, ~0u),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

    return real.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno
                                                                                          : 0;
}
