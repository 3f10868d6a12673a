/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Injection: packets that were never read, or go another way than they came, are handed to the
 * kernel as new ones. Marks and indices are in host byte order. Every packet has passed
 * packet_check().
 */
#ifndef DIVERTSHIM_INJECT_H
#define DIVERTSHIM_INJECT_H

#include "netif/interfaces.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The mark with which an outgoing packet is routed, and the one it has after OUTPUT. If they
 * differ, rules there must set the mark to that of the socket.
 */
struct inject_marks {
    uint32_t routed, sent;
};

/*
 * Sends an IP packet as one of the host's own, routed by its addresses and mark. If it is larger
 * than the MTU it is cut into segments, if segment allows packet_segment(); else it is fragmented,
 * or refused if DF forbids. outdev is the index of the interface for a link-local destination, or
 * 0: then it is that of the source address, or the kernel's choice.
 *
 * Returns 0, also if rules or full queues drop the packet; or -errno: -EMSGSIZE; -EPERM without the
 * capability to set the mark; or other errors of a raw socket: -ENETUNREACH, -EHOSTUNREACH, -EACCES
 * (a prohibit route).
 */
int inject_outgoing(const void *packet, size_t len, const struct inject_marks *marks,
                    uint32_t outdev, bool segment);

/*
 * Lets an IP packet arrive on an interface, with this tag (host byte order) in its mark. If it is
 * larger than the interface's MTU it is cut into segments if segment is set, else it arrives whole.
 * Returns 0 or -errno: -EPERM without CAP_NET_ADMIN, -EADDRNOTAVAIL if the interface is gone.
 */
int inject_incoming(const void *packet, size_t len, const struct interface *in, uint16_t tag,
                    unsigned mark_shift, bool segment);

/*
 * Whether the kernel drops a packet that arrives on this interface as a martian (without
 * accept_local or route_localnet): one from the host's own address, or from or to a loopback
 * address. Reverse path filters are not considered.
 */
bool inject_is_martian(const void *packet, size_t len, uint32_t interface);

/*
 * Opens what takes privileges or /dev, before the program gives these up. Errors are reported only
 * when it is needed.
 */
void inject_prepare(unsigned mark_shift);

/* Closes the sockets and the device. To be called when the last divert socket is closed. */
void inject_close(void);

#endif
