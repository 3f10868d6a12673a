/* SPDX-License-Identifier: BSD-2-Clause */
/* Dumping interfaces and addresses by rtnetlink(7), and parsing its messages. */
#include "netif/rtnetlink.h"

#include "real.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define DUMP_BUFFER 32768 /* bytes; the most that the kernel writes at a time */

int rtnetlink_open(uint32_t groups)
{
    struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = groups};
    int fd = real.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0)
        return -errno;
    if (real.bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0) {
        int err = -errno;

        real.close(fd);
        return err;
    }
    return fd;
}

static bool request_dump(int fd, uint16_t type, unsigned char family)
{
    char buf[64] __attribute__((aligned(8))) = {0};
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    struct rtgenmsg *request;

    nlh->nlmsg_type = type;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request = mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
    request->rtgen_family = family;
    return real.send(fd, nlh, nlh->nlmsg_len, 0) >= 0;
}

static bool read_dump(int fd, void *buf, mnl_cb_t message, void *data)
{
    int more = MNL_CB_OK;

    while (more > MNL_CB_STOP) {
        struct sockaddr_nl from = {0};
        socklen_t size = sizeof(from);
        ssize_t n = real.recvfrom(fd, buf, DUMP_BUFFER, 0, (struct sockaddr *)&from, &size);

        if ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0)) /* not the kernel's */
            continue;
        if (n <= 0)
            return false;
        more = mnl_cb_run(buf, (size_t)n, 0, 0, message, data);
    }
    return more == MNL_CB_STOP;
}

/* The buffer is mapped: the thread may have a small stack. */
bool rtnetlink_dump(int fd, uint16_t type, unsigned char family, mnl_cb_t message, void *data)
{
    void *buf = mmap(NULL, DUMP_BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool done;

    if (buf == MAP_FAILED)
        return false;
    done = request_dump(fd, type, family) && read_dump(fd, buf, message, data);
    munmap(buf, DUMP_BUFFER);
    return done;
}

/* Copies as much of an attribute as there is room for; returns how much. */
static size_t copy_payload(const struct nlattr *attr, void *to, size_t room)
{
    size_t len = mnl_attr_get_payload_len(attr), n = len < room ? len : room;

    memcpy(to, mnl_attr_get_payload(attr), n);
    return n;
}

static int link_attribute(const struct nlattr *attr, void *data)
{
    struct rtnetlink_link *link = data;

    switch (mnl_attr_get_type(attr)) {
    case IFLA_IFNAME:
        copy_payload(attr, link->name, sizeof(link->name) - 1);
        break;
    case IFLA_MTU:
        copy_payload(attr, &link->mtu, sizeof(link->mtu));
        break;
    case IFLA_OPERSTATE:
        copy_payload(attr, &link->operstate, sizeof(link->operstate));
        break;
    case IFLA_ADDRESS:
        link->address_len = (uint8_t)copy_payload(attr, link->address, sizeof(link->address));
        break;
    case IFLA_STATS64:
        copy_payload(attr, &link->statistics, sizeof(link->statistics));
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

/* The kernel pads attributes, and libmnl reads the padding of the last one, too. */
static bool is_padded(const struct nlmsghdr *nlh, size_t body)
{
    return mnl_nlmsg_get_payload_len(nlh) >= body && nlh->nlmsg_len % MNL_ALIGNTO == 0;
}

bool rtnetlink_read_link(const struct nlmsghdr *nlh, struct rtnetlink_link *link)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);

    memset(link, 0, sizeof(*link));
    if (!is_padded(nlh, sizeof(*info)))
        return false;
    link->index = (uint32_t)info->ifi_index;
    link->flags = info->ifi_flags;
    link->hardware = info->ifi_type;
    mnl_attr_parse(nlh, sizeof(*info), link_attribute, link);
    return true;
}

struct address_attributes {
    const struct nlattr *local, *address, *broadcast;
};

static int address_attribute(const struct nlattr *attr, void *data)
{
    struct address_attributes *found = data;

    switch (mnl_attr_get_type(attr)) {
    case IFA_LOCAL:
        found->local = attr;
        break;
    case IFA_ADDRESS:
        found->address = attr;
        break;
    case IFA_BROADCAST:
        found->broadcast = attr;
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

/* On a point-to-point link IFA_ADDRESS is the peer's and IFA_LOCAL the host's own. */
bool rtnetlink_read_address(const struct nlmsghdr *nlh, struct rtnetlink_address *address)
{
    const struct ifaddrmsg *info = mnl_nlmsg_get_payload(nlh);
    struct address_attributes found = {0};
    const struct nlattr *local, *other;

    memset(address, 0, sizeof(*address));
    if (!is_padded(nlh, sizeof(*info)) ||
        (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
        return false;
    address->index = info->ifa_index;
    address->family = info->ifa_family;
    address->prefix_len = info->ifa_prefixlen;
    mnl_attr_parse(nlh, sizeof(*info), address_attribute, &found);
    local = found.local ? found.local : found.address;
    other = found.broadcast ? found.broadcast : found.address;
    if (local)
        copy_payload(local, address->local, sizeof(address->local));
    if (other && other != local) {
        copy_payload(other, address->other, sizeof(address->other));
        address->has_other = memcmp(address->other, address->local, sizeof(address->local)) != 0;
    }
    return true;
}
