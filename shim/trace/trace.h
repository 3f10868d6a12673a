/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace of a program's packets: a line for each (DIVERTSHIM_TRACE), and the packets themselves
 * in a pcap file (DIVERTSHIM_PCAP). Nothing here knows divert sockets.
 */
#ifndef DIVERTSHIM_TRACE_H
#define DIVERTSHIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern bool trace_asked; /* a trace is open */

/* All that a packet costs without a trace. */
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
    bool queued;        /* id is valid */
    bool incoming;      /* in the sense of divert(4) */
    uint32_t interface; /* index of the interface, 0 if unknown */
    uint16_t port;      /* divert port */
    uint16_t tag;       /* in the program's address; 0 for none */
};

/*
 * Opens the files that the options ask for, once in a process. goes_on: the program before exec had
 * them open. To be called while the process still has its privileges.
 */
void trace_start(bool goes_on);

/*
 * Writes a line for a packet, with its fate if that is more than the event says (may be NULL). If
 * captured is set, the packet goes to the pcap file, too.
 */
void trace_packet(enum trace_event event, const struct trace_packet *p, const char *fate,
                  bool captured);

#endif
