/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of interfaces and their addresses. It is read for each packet and rebuilt when the
 * kernel reports a change. There are two copies: a new list is built in the one that nobody reads.
 * Readers take no lock, so signal handlers may read; a reader starts again if its copy was replaced
 * meanwhile.
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

#define LIST_BYTES    (4u << 20) /* address space; untouched pages cost nothing */
#define DUMP_ATTEMPTS 5

#define ASK_INTERVAL_NS 1000000 /* nothing is asked again before */

struct address {
    struct in6_addr address; /* IPv4 ones mapped to IPv6 */
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
static _Atomic uint32_t version; /* the lowest bit is the index of the current list */
_Atomic uint32_t interfaces_changes;
static _Atomic bool stale = true;   /* something has changed since the list was built */
static _Atomic int report_fd = -1;  /* rtnetlink socket that reports changes */
static _Atomic pid_t report_owner;  /* process that opened it */
static _Atomic uint64_t asked_at;   /* when it was last read, nanoseconds */
static __thread bool none_expected; /* poll(2) found nothing; valid for the next refresh */

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

/*
 * The kernel lists IPv6 addresses by scope, the widest first, and within a scope the latest first.
 */
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

/* A child opens its own socket: the parent would miss what the child reads. */
static void open_reports(void)
{
    int fd;

    if (atomic_load(&report_owner) == process_id() && atomic_load(&report_fd) >= 0)
        return;
    private_fd_close(atomic_exchange(&report_fd, -1));
    fd = rtnetlink_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
    if (fd < 0)
        return;
    note_change(); /* changes may have been missed since the list was built */
    atomic_store(&report_owner, process_id());
    atomic_store(&report_fd, private_fd(fd));
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
 * The socket is opened before the list is built, so that no change is missed. The kernel interrupts
 * a dump during which something changed; then it is repeated.
 */
static void rebuild(void)
{
    int saved = errno;

    process_lock(LOCK_INTERFACES);
    open_reports();
    for (int attempt = 0; allocate_lists() && atomic_load(&stale) && attempt < DUMP_ATTEMPTS;
         attempt++) {
        atomic_store(&stale, false);
        if (build_list(&lists[(version + 1) & 1]))
            atomic_fetch_add(&version, 1);
        else
            atomic_store(&stale, true);
        atomic_fetch_add(&interfaces_changes, 1); /* memos of the old list are no longer valid */
    }
    process_unlock(LOCK_INTERFACES);
    errno = saved;
}

static bool is_outdated(void)
{
    return __builtin_expect(atomic_load_explicit(&stale, memory_order_relaxed) ||
                                atomic_load_explicit(&report_owner, memory_order_relaxed) !=
                                    process_id(),
                            0);
}

void interfaces_polled(bool readable)
{
    none_expected = !readable;
    if (readable)
        interfaces_refresh();
}

/* Reads reports until there are none left, or an error; ENOBUFS means that some were lost. */
void interfaces_refresh(void)
{
    int saved = errno, fd = atomic_load_explicit(&report_fd, memory_order_relaxed);
    ssize_t n = 1;
    char byte;

    if (is_outdated() || fd < 0)
        rebuild();
    else if (!none_expected) {
        while (n > 0) {
            n = real.recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC);
            if (n > 0 || (n < 0 && errno == ENOBUFS))
                note_change();
        }
    }
    none_expected = false;
    atomic_store_explicit(&asked_at, clock_exact_ns(), memory_order_relaxed);
    errno = saved;
}

void interfaces_refresh_if_old(void)
{
    if (clock_exact_ns() - atomic_load_explicit(&asked_at, memory_order_relaxed) > ASK_INTERVAL_NS)
        interfaces_refresh();
}

int interfaces_watch_fd(void)
{
    if (is_outdated())
        rebuild();
    return atomic_load_explicit(&report_fd, memory_order_relaxed);
}

/* What to look for: the first field that is set. */
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

/* If the list is replaced while it is read, starts again. */
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

/* An unknown interface may be new: looks for changes and tries again. */
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
