/* divertshim: <netinet/udp.h>, with BSD's include guard. */
#ifndef DIVERTSHIM_NETINET_UDP_H
#define DIVERTSHIM_NETINET_UDP_H

#pragma GCC system_header
#include_next <netinet/udp.h>

/* The name by which sources ask whether this header has been included. */
#ifndef _NETINET_UDP_H_
#define _NETINET_UDP_H_
#endif

#endif
