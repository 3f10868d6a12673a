/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interfaces and their addresses, as a list that is read whenever a packet comes and replaced
 * when the kernel tells of a change. There are two copies: a new list is built in the one that
 * nobody looks at. Whoever looks takes no lock, so a signal handler may; it looks again if its copy
 * was replaced meanwhile.
 */
#include "netif/interfaces.h"

#include "netif/rtnetlink.h"
#include "process/private_fd.h"
#include "process/process.h"
#include "real.h"
#include "util/clock.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define LIST_BYTES    (4u << 20) /* address space, not memory */
#define DUMP_ATTEMPTS 5

#define NEWS_AGE_NS 1000000 /* for so long nothing is asked for again */

struct address {
    struct in6_addr address; /* those of IPv4 mapped, ::ffff:a.b.c.d */
    uint32_t index;
};

struct interface_list {
    struct interface *interface; /* by ascending index */
    struct address *address;     /* in the kernel's order */
    size_t interfaces, addresses;
};

static const size_t max_interfaces = LIST_BYTES / sizeof(struct interface);
static const size_t max_addresses = LIST_BYTES / sizeof(struct address);

static struct interface_list lists[2];
static _Atomic uint32_t version; /* its lowest bit says which list is the current one */
_Atomic uint32_t interfaces_changes;
static _Atomic bool stale = true;      /* something has changed since it was built */
static _Atomic int news_fd = -1;       /* the kernel tells of changes there */
static _Atomic pid_t news_owner;       /* who opened it: news reach only one reader */
static _Atomic uint64_t asked_at;      /* for news, CLOCK_MONOTONIC */
static __thread bool no_news_expected; /* poll(2) has said so, for the next refresh */

static void note_change(void)
{
    atomic_store(&stale, true);
    atomic_fetch_add(&interfaces_changes, 1);
}

static bool allocate_lists(void)
{
    char *block;

    if (lists[1].address)
        return true;
    block = mmap(NULL, (size_t)LIST_BYTES * 4, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED)
        return false;
    for (int i = 0; i < 2; i++, block += 2 * LIST_BYTES) {
        lists[i].interface = (struct interface *)(void *)block;
        lists[i].address = (struct address *)(void *)(block + LIST_BYTES);
    }
    return true;
}

static int list_interface(const struct nlmsghdr *nlh, void *data)
{
    struct interface_list *list = data;
    size_t at = list->interfaces;
    struct rtnetlink_link link;
    struct interface *i;

    if (at == max_interfaces || !rtnetlink_read_link(nlh, &link))
        return MNL_CB_OK;
    for (; at > 0 && list->interface[at - 1].index > link.index; at--)
        list->interface[at] = list->interface[at - 1];
    list->interfaces++;
    i = &list->interface[at];
    *i = (struct interface){
        .index = link.index,
        .mtu = link.mtu,
        .ethernet = link.hardware == ARPHRD_ETHER || link.hardware == ARPHRD_LOOPBACK,
    };
    memcpy(i->name, link.name, sizeof(i->name));
    if (link.address_len == sizeof(i->mac))
        memcpy(i->mac, link.address, sizeof(i->mac));
    return MNL_CB_OK;
}

static struct in6_addr mapped_address(in_addr_t address)
{
    struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    memcpy(&a.s6_addr[12], &address, sizeof(address));
    return a;
}

static struct interface *interface_of_index(const struct interface_list *list, uint32_t index)
{
    size_t low = 0, high = list->interfaces;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (list->interface[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->interfaces && list->interface[low].index == index ? &list->interface[low]
                                                                         : NULL;
}

/* Of IPv6 the kernel lists them by scope, the widest first, and in each what came last first. */
static void note_first_address(struct interface *i, const struct rtnetlink_address *address)
{
    struct in6_addr a;

    if (address->family == AF_INET) {
        if (i->address == INADDR_ANY)
            memcpy(&i->address, address->local, sizeof(i->address));
        return;
    }
    memcpy(&a, address->local, sizeof(a));
    if (IN6_IS_ADDR_UNSPECIFIED(&i->address6) || !IN6_IS_ADDR_LINKLOCAL(&a))
        i->address6 = a;
}

static int list_address(const struct nlmsghdr *nlh, void *data)
{
    struct interface_list *list = data;
    struct rtnetlink_address address;
    struct address *new = &list->address[list->addresses];
    struct interface *i;
    in_addr_t ipv4;

    if (list->addresses == max_addresses || !rtnetlink_read_address(nlh, &address))
        return MNL_CB_OK;
    i = interface_of_index(list, address.index);
    if (!i)
        return MNL_CB_OK;
    note_first_address(i, &address);
    new->index = address.index;
    memcpy(&ipv4, address.local, sizeof(ipv4));
    if (address.family == AF_INET)
        new->address = mapped_address(ipv4);
    else
        memcpy(&new->address, address.local, sizeof(new->address));
    list->addresses++;
    return MNL_CB_OK;
}

/* In a child the socket is its parent's, who would miss what the child reads. */
static void open_news(void)
{
    int fd;

    if (atomic_load(&news_owner) == process_id() && atomic_load(&news_fd) >= 0)
        return;
    private_fd_close(atomic_exchange(&news_fd, -1));
    fd = rtnetlink_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
    if (fd < 0)
        return;
    note_change(); /* nobody listened since the list was built */
    atomic_store(&news_owner, process_id());
    atomic_store(&news_fd, private_fd(fd));
}

static bool build_list(struct interface_list *list)
{
    int fd = rtnetlink_open(0);
    bool done;

    if (fd < 0)
        return false;
    list->interfaces = list->addresses = 0;
    done = rtnetlink_dump(fd, RTM_GETLINK, AF_UNSPEC, list_interface, list) &&
           rtnetlink_dump(fd, RTM_GETADDR, AF_UNSPEC, list_address, list);
    real.close(fd);
    return done;
}

/*
 * News are listened to before the list is built, so that no change falls between. A dump during
 * which something changed is cut short by the kernel: again.
 */
static void rebuild(void)
{
    int saved = errno;

    process_lock(LOCK_INTERFACES);
    open_news();
    for (int attempt = 0; allocate_lists() && atomic_load(&stale) && attempt < DUMP_ATTEMPTS;
         attempt++) {
        atomic_store(&stale, false);
        if (build_list(&lists[(version + 1) & 1]))
            atomic_fetch_add(&version, 1);
        else
            atomic_store(&stale, true);
        atomic_fetch_add(&interfaces_changes, 1); /* others looked at the old list meanwhile */
    }
    process_unlock(LOCK_INTERFACES);
    errno = saved;
}

static bool is_outdated(void)
{
    return __builtin_expect(atomic_load_explicit(&stale, memory_order_relaxed) ||
                                atomic_load_explicit(&news_owner, memory_order_relaxed) !=
                                    process_id(),
                            0);
}

void interfaces_polled(bool readable)
{
    no_news_expected = !readable;
    if (readable)
        interfaces_refresh();
}

/* Reads news until there are no more, or an error; ENOBUFS says that there were too many to tell.
 */
void interfaces_refresh(void)
{
    int saved = errno, fd = atomic_load_explicit(&news_fd, memory_order_relaxed);
    ssize_t n = 1;
    char byte;

    if (is_outdated() || fd < 0)
        rebuild();
    else if (!no_news_expected) {
        while (n > 0) {
            n = real.recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC);
            if (n > 0 || (n < 0 && errno == ENOBUFS))
                note_change();
        }
    }
    no_news_expected = false;
    atomic_store_explicit(&asked_at, clock_exact_ns(), memory_order_relaxed);
    errno = saved;
}

void interfaces_refresh_if_old(void)
{
    if (clock_exact_ns() - atomic_load_explicit(&asked_at, memory_order_relaxed) > NEWS_AGE_NS)
        interfaces_refresh();
}

int interfaces_watch_fd(void)
{
    if (is_outdated())
        rebuild();
    return atomic_load_explicit(&news_fd, memory_order_relaxed);
}

/* What is looked for; the field that is set counts. */
struct interface_key {
    uint32_t index;
    const char *name;
    const struct in6_addr *address;
    uint32_t scope; /* of the address: an index, or 0 for any */
};

static const struct interface *search_list(const struct interface_list *list,
                                           const struct interface_key *key)
{
    if (key->index)
        return interface_of_index(list, key->index);
    for (size_t i = 0; key->name && i < list->interfaces; i++) {
        if (strcmp(list->interface[i].name, key->name) == 0)
            return &list->interface[i];
    }
    for (size_t i = 0; key->address && i < list->addresses; i++) {
        const struct address *a = &list->address[i];

        if ((!key->scope || a->index == key->scope) &&
            IN6_ARE_ADDR_EQUAL(&a->address, key->address))
            return interface_of_index(list, a->index);
    }
    return NULL;
}

/* What it reads may be replaced meanwhile, which it finds out and begins again. */
__attribute__((no_sanitize("thread"))) static bool look_up(const struct interface_key *key,
                                                           struct interface *out)
{
    uint32_t before;
    bool found;

    if (is_outdated())
        rebuild();
    do {
        const struct interface *i;

        before = atomic_load_explicit(&version, memory_order_acquire);
        i = search_list(&lists[before & 1], key);
        found = i != NULL;
        if (found)
            *out = *i;
        atomic_thread_fence(memory_order_acquire);
    } while (before != atomic_load_explicit(&version, memory_order_relaxed));
    return found;
}

/* One that is not known may have come a moment ago. */
static bool look_up_and_ask(const struct interface_key *key, struct interface *out)
{
    if (look_up(key, out))
        return true;
    interfaces_refresh();
    return atomic_load_explicit(&stale, memory_order_relaxed) && look_up(key, out);
}

bool interfaces_by_index(uint32_t index, struct interface *out)
{
    return index && look_up_and_ask(&(struct interface_key){.index = index}, out);
}

const struct interface *interfaces_memorise(struct interface_memo *memo, uint32_t index)
{
    memo->changes = atomic_load_explicit(&interfaces_changes, memory_order_relaxed);
    if (!interfaces_by_index(index, &memo->interface)) {
        memo->interface.index = 0;
        return NULL;
    }
    return &memo->interface;
}

bool interfaces_by_name(const char *name, struct interface *out)
{
    return look_up_and_ask(&(struct interface_key){.name = name}, out);
}

bool interfaces_by_address6(const struct in6_addr *address, uint32_t scope, struct interface *out)
{
    struct interface_key key = {.address = address};

    if (IN6_IS_ADDR_LINKLOCAL(address))
        key.scope = scope;
    return look_up(&key, out);
}

bool interfaces_by_address(in_addr_t address, struct interface *out)
{
    struct in6_addr a = mapped_address(address);

    return interfaces_by_address6(&a, 0, out);
}
