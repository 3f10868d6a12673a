/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening the files that packets are traced to, for the library and for divert-run. */
#ifndef DIVERTSHIM_TRACE_OPEN_H
#define DIVERTSHIM_TRACE_OPEN_H

#include <stddef.h>
#include <stdint.h>

/* What a file of packets begins with: pcap, times in nanoseconds, packets from the IP header on. */
struct pcap_head {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy;
    uint32_t longest; /* bytes of a packet */
    uint32_t link_type;
};

struct pcap_record {
    uint32_t seconds, nanoseconds; /* since 1970 */
    uint32_t kept, len;            /* bytes in the file, and of the packet */
};

extern const struct pcap_head pcap_head;

#define TRACE_OPEN_WAIT  1u /* for the reader of a named pipe; else -ENXIO without one */
#define TRACE_OPEN_GO_ON 2u /* behind what is there, whoever wrote it */

/*
 * Opens a file for writing at its end, close-on-exec: a new one for its owner alone, or one that is
 * there, or a pipe. What was in it goes, unless others have it open by this very call: then all of
 * them write to it. An empty one gets the head (may be NULL). Links of other users are not
 * followed. Returns the descriptor, which others see as open until the last copy of it is closed;
 * or -errno: -ELOOP for such a link, -ENXIO, and what open(2) says.
 */
int trace_open(const char *path, const struct pcap_head *head, unsigned flags);

#endif
