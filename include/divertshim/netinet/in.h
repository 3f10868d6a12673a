/*
 * divertshim: <netinet/in.h> with the protocol of divert sockets.
 * Use with -isystem include/divertshim; the system's own header follows.
 */
#ifndef DIVERTSHIM_NETINET_IN_H
#define DIVERTSHIM_NETINET_IN_H

#pragma GCC system_header
#include_next <netinet/in.h>

/* The number FreeBSD and OpenBSD use; larger than any protocol in a packet. */
#ifndef IPPROTO_DIVERT
#define IPPROTO_DIVERT 258
#endif

#endif
