/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that stem from none in a queue, or go another way than it came: handed to the kernel
 * anew. Marks and indices are in host byte order; packet_check() has passed for every packet.
 */
#ifndef DIVERTSHIM_INJECT_H
#define DIVERTSHIM_INJECT_H

#include "interfaces.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Sends an IPv4 packet as the host's own, routed by its destination, with this mark. Larger than
 * the MTU it is fragmented, or refused if it must not be.
 *
 * Returns 0, -EMSGSIZE, or what sending on a raw socket says: -EPERM, -ENETUNREACH, -EHOSTUNREACH,
 * -ENOBUFS.
 */
int inject_outgoing(const void *packet, size_t len, uint32_t mark);

/*
 * Lets an IP packet arrive on an interface, with this tag in its mark. Returns 0 or -errno:
 * -EPERM without CAP_NET_ADMIN, -EADDRNOTAVAIL if the interface is gone.
 */
int inject_incoming(const void *packet, size_t len, const struct interface *in, uint16_t tag,
                    unsigned mark_shift);

/* Closes the sockets and the device, when the last divert socket is gone. */
void inject_close(void);

#endif
