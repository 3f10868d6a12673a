/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing messages in the layout of include/divertshim/net/route.h, as programs read them from
 * routing sockets and get them from sysctl(3).
 */
#ifndef DIVERTSHIM_ROUTE_MESSAGE_H
#define DIVERTSHIM_ROUTE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

struct rtnetlink_address;
struct rtnetlink_link;

#define ROUTE_MESSAGE_MAX 512 /* bytes; no message is longer */

/* Each writes a message to buf, which is aligned for it, and returns its length in bytes. */

/* RTM_IFINFO */
size_t route_message_link(void *buf, const struct rtnetlink_link *link);

/* RTM_IFANNOUNCE: the interface has gone */
size_t route_message_gone(void *buf, const struct rtnetlink_link *link);

/* RTM_NEWADDR or, if gone is set, RTM_DELADDR; with the link-layer address if link is given */
size_t route_message_address(void *buf, const struct rtnetlink_address *address, bool gone,
                             const struct rtnetlink_link *link);

#endif
