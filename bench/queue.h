/* SPDX-License-Identifier: BSD-2-Clause */
/* Binding an NFQUEUE by libmnl and libnetfilter_queue, for the loops written by hand. */
#ifndef QUEUE_H
#define QUEUE_H

#include <libmnl/libmnl.h>
#include <stdint.h>

#define QUEUE_MAXLEN 8192
#define PACKET_MAX   0xffff

/*
 * A netlink socket that owns the queue and gets whole packets from it; length of them wait there
 * at most. flags: NFQA_CFG_F_GSO for large packets uncut, or 0. Ends the program if that fails.
 */
struct mnl_socket *queue_open(uint16_t queue, uint32_t length, uint32_t flags);

#endif
