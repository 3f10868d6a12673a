/*
 * divertshim: <netinet/sctp_header.h> of FreeBSD, of which libalias uses the common header. The
 * chunks are left incomplete.
 */
#ifndef DIVERTSHIM_NETINET_SCTP_HEADER_H
#define DIVERTSHIM_NETINET_SCTP_HEADER_H

#pragma GCC system_header
#include <netinet/sctp.h>
#include <stdint.h>

struct sctp_init;
struct sctp_init_ack;
struct sctp_paramhdr;

#endif
