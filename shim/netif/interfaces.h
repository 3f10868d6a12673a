/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network interfaces and their addresses, from rtnetlink: read once, and again when the kernel
 * reports a change.
 */
#ifndef DIVERTSHIM_INTERFACES_H
#define DIVERTSHIM_INTERFACES_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The first IPv6 address is the one that was added first, of those that are not link-local; the
 * link-local one if there is no other.
 */
struct interface {
    uint32_t index;           /* host byte order */
    uint32_t mtu;             /* bytes */
    in_addr_t address;        /* the first IPv4 address, network byte order; INADDR_ANY for none */
    struct in6_addr address6; /* the first IPv6 address, or in6addr_any */
    uint8_t mac[6];
    bool ethernet;       /* mac is valid */
    char name[IFNAMSIZ]; /* with its NUL */
};

/*
 * Each copies what it finds to *out and returns true, or false if there is no such interface. If
 * nothing has changed, one that exists is found without a lock or a system call.
 */
bool interfaces_by_index(uint32_t index, struct interface *out);
bool interfaces_by_name(const char *name, struct interface *out);
bool interfaces_by_address(in_addr_t address, struct interface *out);

/*
 * The interface that has an IPv6 address. A link-local address may be on several: scope is the
 * index of the one that is meant, 0 for any; for others it is ignored.
 */
bool interfaces_by_address6(const struct in6_addr *address, uint32_t scope, struct interface *out);

/* The result of a lookup by index, valid without another one while nothing has changed. */
struct interface_memo {
    uint32_t changes; /* interfaces_changes at the time */
    struct interface interface;
};

extern _Atomic uint32_t interfaces_changes; /* changes whenever the list may have changed */
const struct interface *interfaces_memorise(struct interface_memo *memo, uint32_t index);

/* Whether the memo is valid for that index. */
static inline bool interfaces_memo_holds(const struct interface_memo *memo, uint32_t index)
{
    return index && memo->interface.index == index &&
           memo->changes == atomic_load_explicit(&interfaces_changes, memory_order_relaxed);
}

/* The interface of that index, valid until the memo's next use; NULL if there is none. */
static inline const struct interface *interfaces_recall(struct interface_memo *memo, uint32_t index)
{
    return interfaces_memo_holds(memo, index) ? &memo->interface : interfaces_memorise(memo, index);
}

/* Reads changes that the kernel has reported. One system call when there are none. */
void interfaces_refresh(void);

/* The same, unless it was done within the last millisecond: then no system call. */
void interfaces_refresh_if_old(void);

/*
 * The result of a poll(2) on interfaces_watch_fd(): if it is not readable, the next refresh in this
 * thread need not ask again.
 */
void interfaces_polled(bool readable);

/* A descriptor that is readable when something has changed, or -1. */
int interfaces_watch_fd(void);

#endif
