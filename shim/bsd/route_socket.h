/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing sockets, route(4): they report changes of interfaces and their addresses. The descriptor
 * is a socket of rtnetlink that hears just what is reported, so waiting for it, copying and closing
 * it are the kernel's; only what is read is put into BSD's words.
 */
#ifndef DIVERTSHIM_ROUTE_SOCKET_H
#define DIVERTSHIM_ROUTE_SOCKET_H

#include <sys/socket.h>
#include <sys/types.h>

#define ROUTE_FAMILY 259 /* PF_ROUTE in the project's headers */

/*
 * socket(PF_ROUTE, type, family): family is AF_INET or AF_INET6 for the addresses of one, 0 for
 * those of both. The new descriptor, or -errno: -EPROTOTYPE, -EPROTONOSUPPORT, -EMFILE.
 */
int route_open(int type, int family);

/* Reads one message: recvmsg(2). The errors of rtnetlink's. */
ssize_t route_recvmsg(int fd, struct msghdr *msg, int flags);

/* Bytes of the message that the next read gives, 0 for none: FIONREAD. */
int route_next_len(int fd);

#endif
