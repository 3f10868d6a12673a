/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the kernel whether it lets this process change the packet filter. */
#include "util/rights.h"

#include "util/message.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_net_admin(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};

    return syscall(SYS_capget, &head, data) == 0 && data[0].effective >> CAP_NET_ADMIN & 1;
}

/*
 * The capability must be held in the user namespace that owns the network namespace. nfnetlink
 * returns EPERM before it looks at a request, so any type will do.
 */
static bool kernel_refuses(void)
{
    struct {
        struct nlmsghdr head;
        struct nfgenmsg family;
    } request = {
        .head = {.nlmsg_len = sizeof(request),
                 .nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | 0xff,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
    };
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char more[512];
    } answer = {.error.error = 0};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

    if (fd < 0)
        return false;
    if (send(fd, &request, sizeof(request), 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
        answer.error.error = 0;
    close(fd);
    return answer.error.error == -EPERM;
}

bool rights_check(const char *what)
{
    if (!has_net_admin())
        message_error("%s need CAP_NET_ADMIN: %s", what,
                      geteuid() ? "run divert-run as root, for instance with sudo"
                                : "this root lacks it; give it to the container or service, for "
                                  "instance with --cap-add NET_ADMIN");
    else if (kernel_refuses())
        message_error(
            "%s are not permitted: this root's user namespace does not own the network namespace; "
            "'unshare -Urn' makes one of each",
            what);
    else
        return true;
    return false;
}
