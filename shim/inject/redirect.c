/* SPDX-License-Identifier: BSD-2-Clause */
/* The BPF program that redirects injected packets from the TAP device to their interface. */
#include "inject/private.h"

#include "real.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ATTACH_TCX_INGRESS 46 /* BPF_TCX_INGRESS, which older headers lack */
#define BPF_ATTEMPTS       8

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define OP(op, dst_reg_, src_reg_, off_, imm_) \
    ((struct bpf_insn){                        \
        .code = (op), .dst_reg = (dst_reg_), .src_reg = (src_reg_), .off = (off_), .imm = (imm_)})

static int bpf(int command, union bpf_attr *attr)
{
    long fd = -1;

    /* The verifier gives up with EAGAIN while a signal is pending. */
    for (int attempt = 0; attempt < BPF_ATTEMPTS; attempt++) {
        fd = syscall(SYS_bpf, command, attr, sizeof(*attr));
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return fd < 0 ? -errno : (int)fd;
}

int redirect_load(unsigned mark_shift)
{
    const int source = offsetof(struct ethhdr, h_source);
    const struct bpf_insn program[] = {
        /* r6 = skb, where BPF_LD_ABS expects it; such loads convert to host byte order */
        OP(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
        OP(BPF_LD | BPF_ABS | BPF_H, 0, 0, 0, source + (int)offsetof(struct tap_route, tag)),
        OP(BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_0, 0, 0, (int)mark_shift),
        OP(BPF_STX | BPF_MEM | BPF_W, BPF_REG_6, BPF_REG_0, offsetof(struct __sk_buff, mark), 0),
        OP(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, source + (int)offsetof(struct tap_route, index)),
        OP(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0),
        OP(BPF_JMP | BPF_JSET | BPF_K, BPF_REG_0, 0, 3, (int)TAP_ROUTE_LOOP),
        OP(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, BPF_F_INGRESS),
        OP(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
        OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
        /* sent on lo with a route attached: it comes in again with it, having passed no hook */
        OP(BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0, ~(int)TAP_ROUTE_LOOP),
        OP(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 0),
        OP(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0),
        OP(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, 0),
        OP(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_neigh),
        OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    union bpf_attr attr = {
        .prog_type = BPF_PROG_TYPE_SCHED_CLS,
        .insns = (uintptr_t)program,
        .insn_cnt = ARRAY_SIZE(program),
        .license = (uintptr_t) "Dual BSD/GPL",
        .prog_name = "divert_inject",
    };

    return bpf(BPF_PROG_LOAD, &attr);
}

int redirect_attach_tcx(int program, uint32_t index)
{
    union bpf_attr attr = {
        .link_create.prog_fd = (uint32_t)program,
        .link_create.target_ifindex = index,
        .link_create.attach_type = ATTACH_TCX_INGRESS,
    };

    return bpf(BPF_LINK_CREATE, &attr);
}

static int request(int fd, struct nlmsghdr *nlh)
{
    char answer[1024];
    ssize_t n;

    nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    if (real.send(fd, nlh, nlh->nlmsg_len, 0) < 0)
        return -errno;
    n = real.recv(fd, answer, sizeof(answer), 0);
    if (n < 0)
        return -errno;
    return mnl_cb_run(answer, (size_t)n, 0, 0, NULL, NULL) < 0 ? -errno : 0;
}

static struct nlmsghdr *tc_message(char *buf, uint16_t type, uint32_t index, uint32_t parent)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

    nlh->nlmsg_type = type;
    nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
    tc->tcm_family = AF_UNSPEC;
    tc->tcm_ifindex = (int)index;
    tc->tcm_parent = parent;
    return nlh;
}

static int add_clsact(int fd, uint32_t index)
{
    char buf[256] __attribute__((aligned(8))) = {0};
    struct nlmsghdr *nlh = tc_message(buf, RTM_NEWQDISC, index, TC_H_CLSACT);
    struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

    tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
    mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
    return request(fd, nlh);
}

static int add_filter(int fd, int program, uint32_t index)
{
    char buf[256] __attribute__((aligned(8))) = {0};
    struct nlmsghdr *nlh =
        tc_message(buf, RTM_NEWTFILTER, index, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
    struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
    struct nlattr *options;

    tc->tcm_info = TC_H_MAKE(1 << 16, htons(ETH_P_ALL));
    mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
    options = mnl_attr_nest_start(nlh, TCA_OPTIONS);
    mnl_attr_put_u32(nlh, TCA_BPF_FD, (uint32_t)program);
    mnl_attr_put_strz(nlh, TCA_BPF_NAME, "divert_inject");
    mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    mnl_attr_nest_end(nlh, options);
    return request(fd, nlh);
}

int redirect_attach_clsact(int program, uint32_t index)
{
    int fd = real.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), err;

    if (fd < 0)
        return -errno;
    err = add_clsact(fd, index);
    if (!err)
        err = add_filter(fd, program, index);
    real.close(fd);
    return err;
}
