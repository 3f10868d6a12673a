/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that stem from none in a queue, or go another way than it came: handed to the kernel
 * anew. Marks and indices are in host byte order; packet_check() has passed for every packet.
 */
#ifndef DIVERTSHIM_INJECT_H
#define DIVERTSHIM_INJECT_H

#include "netif/interfaces.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The mark with which an outgoing packet is routed, and the one it has behind OUTPUT. Where they
 * differ, the rules there have to give it that of its socket.
 */
struct inject_marks {
    uint32_t routed, sent;
};

/*
 * Sends an IP packet as the host's own, routed by its addresses and mark. Larger than the
 * MTU it is cut into segments, if segment says that packet_segment() may do so; else it is
 * fragmented, or refused if it must not be. outdev is the index of the interface for a
 * destination of link-local scope, or 0: then it is that of the source, or the kernel's choice.
 *
 * Returns 0, also if rules or full queues drop the packet; -EMSGSIZE; -EPERM without the
 * capability to set the mark; or what else sending on a raw socket says: -ENETUNREACH,
 * -EHOSTUNREACH, -EACCES (a route that prohibits).
 */
int inject_outgoing(const void *packet, size_t len, const struct inject_marks *marks,
                    uint32_t outdev, bool segment);

/*
 * Lets an IP packet arrive on an interface, with this tag in its mark; larger than the interface's
 * MTU in segments, if segment says so, else whole. Returns 0 or -errno: -EPERM without
 * CAP_NET_ADMIN, -EADDRNOTAVAIL if the interface is gone.
 */
int inject_incoming(const void *packet, size_t len, const struct interface *in, uint16_t tag,
                    unsigned mark_shift, bool segment);

/*
 * Whether the kernel is going to drop a packet that arrives on this interface, unless it was told
 * otherwise (accept_local, route_localnet): it is from the host's own address, or from or to a
 * loopback address. What a reverse path filter drops is not known.
 */
bool inject_is_martian(const void *packet, size_t len, uint32_t interface);

/*
 * Makes ready what takes privileges or /dev, before the program gives these up. What cannot be
 * made ready is said when it is needed.
 */
void inject_prepare(unsigned mark_shift);

/* Closes the sockets and the device, when the last divert socket is gone. */
void inject_close(void);

#endif
