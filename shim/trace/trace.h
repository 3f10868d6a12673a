/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace of a program's packets: a line for each (DIVERTSHIM_TRACE), and the packets themselves
 * as a file for Wireshark (DIVERTSHIM_PCAP). Nothing here knows divert sockets.
 */
#ifndef DIVERTSHIM_TRACE_H
#define DIVERTSHIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern bool trace_asked; /* for one of the two */

/* All that a packet costs where nobody asked. */
static inline bool trace_on(void)
{
    return __builtin_expect(trace_asked, 0);
}

enum trace_event { TRACE_READ, TRACE_WRITE, TRACE_DROP };

/* Numbers in host byte order. */
struct trace_packet {
    const void *bytes; /* from the IP header on; NULL if they are gone */
    size_t len;
    uint32_t id;        /* NFQUEUE packet id, if it waited in a queue */
    bool queued;        /* it did */
    bool incoming;      /* in the sense of divert(4) */
    uint32_t interface; /* index of where it came in or goes out, 0 for unknown */
    uint16_t port;      /* divert port */
    uint16_t tag;       /* in the program's address; 0 for none */
};

/*
 * Opens what the options ask for, in this process, once; goes_on: the program before had it open.
 * It is to be called while the process still has its rights.
 */
void trace_start(bool goes_on);

/*
 * Notes a packet, and what became of it if that is more than the event says (may be NULL). With
 * captured, the packet goes to the file of packets.
 */
void trace_packet(enum trace_event event, const struct trace_packet *p, const char *fate,
                  bool captured);

#endif
