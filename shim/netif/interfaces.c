/* SPDX-License-Identifier: BSD-2-Clause */
#include "netif/interfaces.h"

#include "netif/rtnetlink.h"
#include "process/private_fd.h"
#include "real.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TABLE_BYTES   (16u << 20) /* address space, not memory */
#define DUMP_ATTEMPTS 5

struct address {
    struct in6_addr address; /* those of IPv4 mapped, ::ffff:a.b.c.d */
    uint32_t index;
};

static struct {
    pthread_mutex_t lock;
    struct interface *interface; /* by ascending index */
    struct address *address;     /* in the kernel's order */
    size_t interfaces, addresses;
    int fd; /* rtnetlink socket plus 1, so that 0 means closed */
    bool stale;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER, .stale = true};

static const size_t max_interfaces = TABLE_BYTES / sizeof(struct interface);
static const size_t max_addresses = TABLE_BYTES / sizeof(struct address);

static bool allocate(void)
{
    void *block;

    if (table.interface)
        return true;
    block = mmap(NULL, (size_t)TABLE_BYTES * 2, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED)
        return false;
    table.interface = block;
    table.address = (struct address *)((char *)block + TABLE_BYTES);
    return true;
}

static int link_attribute(const struct nlattr *attr, void *data)
{
    struct interface *i = data;
    size_t len = mnl_attr_get_payload_len(attr);

    switch (mnl_attr_get_type(attr)) {
    case IFLA_IFNAME:
        if (len >= sizeof(i->name))
            len = sizeof(i->name) - 1;
        memcpy(i->name, mnl_attr_get_payload(attr), len);
        break;
    case IFLA_MTU:
        if (len >= sizeof(i->mtu))
            i->mtu = mnl_attr_get_u32(attr);
        break;
    case IFLA_ADDRESS:
        if (mnl_attr_get_payload_len(attr) == sizeof(i->mac))
            memcpy(i->mac, mnl_attr_get_payload(attr), sizeof(i->mac));
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

static int link_message(const struct nlmsghdr *nlh, void *data)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
    struct interface new = {0};
    size_t at = table.interfaces;

    (void)data;
    if (at == max_interfaces || mnl_nlmsg_get_payload_len(nlh) < sizeof(*info))
        return MNL_CB_OK;
    new.index = (uint32_t)info->ifi_index;
    new.ethernet = info->ifi_type == ARPHRD_ETHER || info->ifi_type == ARPHRD_LOOPBACK;
    mnl_attr_parse(nlh, sizeof(*info), link_attribute, &new);
    for (; at > 0 && table.interface[at - 1].index > new.index; at--)
        table.interface[at] = table.interface[at - 1];
    table.interface[at] = new;
    table.interfaces++;
    return MNL_CB_OK;
}

static struct in6_addr mapped(in_addr_t address)
{
    struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    memcpy(&a.s6_addr[12], &address, sizeof(address));
    return a;
}

/* The four bytes of an IPv4 address stand at the end. */
static int address_attribute(const struct nlattr *attr, void *data)
{
    struct in6_addr *a = data;
    uint16_t type = mnl_attr_get_type(attr), len = mnl_attr_get_payload_len(attr);

    /* On a point-to-point link IFA_ADDRESS is the peer's and IFA_LOCAL the host's own. */
    if (len > sizeof(*a) || (type != IFA_LOCAL && type != IFA_ADDRESS))
        return MNL_CB_OK;
    if (type == IFA_LOCAL || IN6_IS_ADDR_UNSPECIFIED(a))
        memcpy(&a->s6_addr[sizeof(*a) - len], mnl_attr_get_payload(attr), len);
    return MNL_CB_OK;
}

static void note_first(struct interface *i, in_addr_t address)
{
    if (i->address == INADDR_ANY)
        i->address = address;
}

/* The kernel lists them by scope, the widest first, and in each what came last first. */
static void note_first6(struct interface *i, const struct in6_addr *address)
{
    if (IN6_IS_ADDR_UNSPECIFIED(&i->address6) || !IN6_IS_ADDR_LINKLOCAL(address))
        i->address6 = *address;
}

static struct interface *find_index(uint32_t index)
{
    size_t low = 0, high = table.interfaces;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (table.interface[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table.interfaces && table.interface[low].index == index ? &table.interface[low]
                                                                         : NULL;
}

static int address_message(const struct nlmsghdr *nlh, void *data)
{
    const struct ifaddrmsg *info = mnl_nlmsg_get_payload(nlh);
    struct address new = {0};
    struct interface *i;
    in_addr_t ipv4;

    (void)data;
    if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*info) || table.addresses == max_addresses ||
        (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
        return MNL_CB_OK;
    i = find_index(info->ifa_index);
    if (!i)
        return MNL_CB_OK;
    new.index = info->ifa_index;
    mnl_attr_parse(nlh, sizeof(*info), address_attribute, &new.address);
    if (info->ifa_family == AF_INET) {
        memcpy(&ipv4, &new.address.s6_addr[12], sizeof(ipv4));
        note_first(i, ipv4);
        new.address = mapped(ipv4);
    } else {
        note_first6(i, &new.address);
    }
    table.address[table.addresses++] = new;
    return MNL_CB_OK;
}

static void watch(void)
{
    int fd;

    if (table.fd)
        return;
    fd = rtnetlink_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
    if (fd >= 0)
        table.fd = private_fd(fd) + 1;
}

static bool dump_all(void)
{
    int fd = rtnetlink_open(0);
    bool done;

    if (fd < 0)
        return false;
    table.interfaces = table.addresses = 0;
    done = rtnetlink_dump(fd, RTM_GETLINK, AF_UNSPEC, link_message, NULL) &&
           rtnetlink_dump(fd, RTM_GETADDR, AF_UNSPEC, address_message, NULL);
    real.close(fd);
    return done;
}

/*
 * Watching starts before the dump, so that no change falls between them. A dump during which
 * something changed is cut short by the kernel: again.
 */
static void read_table(void)
{
    watch();
    if (!allocate())
        return;
    for (int attempt = 0; table.stale && attempt < DUMP_ATTEMPTS; attempt++)
        table.stale = !dump_all();
}

/* Until there is nothing more, or an error; one of them says that there was too much to tell. */
static void drain(void)
{
    char buf[8192];
    ssize_t n = 1;

    if (!table.fd)
        return;
    while (n > 0) {
        n = real.recv(table.fd - 1, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);
        if (n > 0 || (n < 0 && errno == ENOBUFS))
            table.stale = true;
    }
}

static void lock(void)
{
    int saved = errno;

    pthread_mutex_lock(&table.lock);
    if (table.stale)
        read_table();
    errno = saved;
}

static void unlock(void)
{
    pthread_mutex_unlock(&table.lock);
}

static __thread bool quiet; /* as poll(2) has said, for the next refresh */

void interfaces_polled(bool readable)
{
    quiet = !readable;
    if (readable)
        interfaces_refresh();
}

void interfaces_refresh(void)
{
    int saved = errno;

    if (quiet) {
        quiet = false;
        return;
    }
    pthread_mutex_lock(&table.lock);
    drain();
    pthread_mutex_unlock(&table.lock);
    errno = saved;
}

int interfaces_watch_fd(void)
{
    int fd;

    lock();
    fd = table.fd - 1;
    unlock();
    return fd;
}

static bool copy(const struct interface *i, struct interface *out)
{
    if (i)
        *out = *i;
    return i != NULL;
}

bool interfaces_by_index(uint32_t index, struct interface *out)
{
    bool found;

    lock();
    found = copy(find_index(index), out);
    if (!found && index) {
        drain();
        if (table.stale)
            read_table();
        found = copy(find_index(index), out);
    }
    unlock();
    return found;
}

bool interfaces_by_name(const char *name, struct interface *out)
{
    bool found = false;

    lock();
    drain();
    if (table.stale)
        read_table();
    for (size_t i = 0; i < table.interfaces && !found; i++) {
        if (strcmp(table.interface[i].name, name) == 0)
            found = copy(&table.interface[i], out);
    }
    unlock();
    return found;
}

bool interfaces_by_address6(const struct in6_addr *address, uint32_t scope, struct interface *out)
{
    bool any_scope = scope == 0 || !IN6_IS_ADDR_LINKLOCAL(address), found = false;

    lock();
    for (size_t i = 0; i < table.addresses && !found; i++) {
        const struct address *a = &table.address[i];

        if ((any_scope || a->index == scope) && IN6_ARE_ADDR_EQUAL(&a->address, address))
            found = copy(find_index(a->index), out);
    }
    unlock();
    return found;
}

bool interfaces_by_address(in_addr_t address, struct interface *out)
{
    struct in6_addr a = mapped(address);

    return interfaces_by_address6(&a, 0, out);
}

void interfaces_before_fork(void)
{
    pthread_mutex_lock(&table.lock);
}

void interfaces_after_fork(bool child)
{
    if (child) {
        if (table.fd)
            private_fd_close(table.fd - 1);
        table.fd = 0;
        table.stale = true;
    }
    pthread_mutex_unlock(&table.lock);
}
