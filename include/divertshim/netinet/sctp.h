/*
 * divertshim: <netinet/sctp.h> of FreeBSD: the common header of packets. Linux's header of this
 * name, the interface of SCTP sockets, is included as well if it is installed.
 */
#ifndef DIVERTSHIM_NETINET_SCTP_H
#define DIVERTSHIM_NETINET_SCTP_H

#pragma GCC system_header
#include <netinet/in.h>
#include <stdint.h>
#if __has_include_next(<netinet/sctp.h>)
#include_next <netinet/sctp.h>
#endif

/* Network byte order. */
struct sctphdr {
    uint16_t src_port;
    uint16_t dest_port;
    uint32_t v_tag;
    uint32_t checksum;
};

#endif
