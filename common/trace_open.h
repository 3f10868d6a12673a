/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening trace files, for the library and for divert-run. */
#ifndef DIVERTSHIM_TRACE_OPEN_H
#define DIVERTSHIM_TRACE_OPEN_H

#include <stddef.h>
#include <stdint.h>

/* The header of a pcap file. Its packets begin with the IP header, times are in nanoseconds. */
struct pcap_head {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy;
    uint32_t snaplen; /* bytes of a packet */
    uint32_t link_type;
};

struct pcap_record {
    uint32_t seconds, nanoseconds; /* since 1970 */
    uint32_t kept, len;            /* bytes in the file; bytes of the packet */
};

extern const struct pcap_head pcap_head;

#define TRACE_OPEN_WAIT  1u /* wait for the reader of a named pipe; else -ENXIO without one */
#define TRACE_OPEN_GO_ON 2u /* append to what is there, whoever wrote it */

/*
 * Opens a trace file for appending, close-on-exec. A new file is created with mode 0600; an
 * existing one is truncated unless others have it open by this call, in which case all of them
 * write to it. A named pipe will do. An empty file gets the header (may be NULL). Symbolic links of
 * other users are not followed.
 *
 * Returns the descriptor, whose lock tells others that the file is in use until its last copy is
 * closed; or -errno: -ELOOP for such a link, -ENXIO, and the errors of open(2).
 */
int trace_open(const char *path, const struct pcap_head *head, unsigned flags);

#endif
