/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing sockets, route(4): they report changes of interfaces and their addresses. The descriptor
 * is a socket of rtnetlink that hears just what is reported, so waiting for it, copying and closing
 * it are the kernel's; only what is read is put into BSD's words.
 */
#ifndef DIVERTSHIM_ROUTE_SOCKET_H
#define DIVERTSHIM_ROUTE_SOCKET_H

#include "fdtable.h"

#include <sys/socket.h>
#include <sys/types.h>

#define ROUTE_FAMILY 259 /* PF_ROUTE in the project's headers */

extern _Atomic uint64_t route_bits[FDTABLE_MAX / 64]; /* a bit a descriptor that is one */
extern _Atomic unsigned route_count;                  /* how many are */

/* Whether fd is a routing socket. No lock, no system call. */
static inline bool route_has(int fd)
{
    if (__builtin_expect(atomic_load_explicit(&route_count, memory_order_relaxed) == 0, 1))
        return false;
    if ((unsigned)fd >= FDTABLE_MAX)
        return false;
    return atomic_load_explicit(&route_bits[fd / 64], memory_order_relaxed) >> (fd % 64) & 1;
}

/*
 * socket(PF_ROUTE, type, family): family is AF_INET or AF_INET6 for the addresses of one, 0 for
 * those of both. The new descriptor, or -errno: -EPROTOTYPE, -EPROTONOSUPPORT, -EMFILE.
 */
int route_open(int type, int family);

/* A copy of a routing socket's descriptor is one, too. Returns 0 or -EMFILE (fd too high). */
int route_insert(int fd);

/* fd is no routing socket any longer, whether or not it was one. */
void route_forget(int fd);

/* Reads one message: recvmsg(2). The errors of rtnetlink's. */
ssize_t route_recvmsg(int fd, struct msghdr *msg, int flags);

/* Bytes of the message that the next read gives, 0 for none: FIONREAD. */
int route_next_len(int fd);

#endif
