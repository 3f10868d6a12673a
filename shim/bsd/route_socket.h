/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing sockets, route(4): they report changes of interfaces and their addresses. The descriptor
 * is an rtnetlink socket with a filter that passes only what is reported. The kernel does the
 * waiting, copying and closing; only what is read is translated.
 */
#ifndef DIVERTSHIM_ROUTE_SOCKET_H
#define DIVERTSHIM_ROUTE_SOCKET_H

#include <sys/socket.h>
#include <sys/types.h>

#define ROUTE_FAMILY 259 /* PF_ROUTE in the project's headers */

/*
 * socket(PF_ROUTE, type, family): family is AF_INET or AF_INET6 for the addresses of one, 0 for
 * those of both. Returns the new descriptor, or -errno: -EPROTOTYPE, -EPROTONOSUPPORT, -EMFILE.
 */
int route_open(int type, int family);

/*
 * Reads one message: recvmsg(2). Returns its length or -errno, as recvmsg(2) on an rtnetlink
 * socket.
 */
ssize_t route_recvmsg(int fd, struct msghdr *msg, int flags);

/* FIONREAD: bytes of the message that the next read returns, 0 for none. */
int route_next_len(int fd);

#endif
