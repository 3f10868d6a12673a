/* divertshim: <netinet/tcp.h> with what BSD defines there and glibc does not. */
#ifndef DIVERTSHIM_NETINET_TCP_H
#define DIVERTSHIM_NETINET_TCP_H

#pragma GCC system_header
#include_next <netinet/tcp.h>

/* The name by which sources ask whether this header has been included. */
#ifndef _NETINET_TCP_H_
#define _NETINET_TCP_H_
#endif

#ifndef TH_ECE
#define TH_ECE 0x40
#endif
#ifndef TH_CWR
#define TH_CWR 0x80
#endif
#ifndef TH_FLAGS
#define TH_FLAGS (TH_FIN | TH_SYN | TH_RST | TH_PUSH | TH_ACK | TH_URG | TH_ECE | TH_CWR)
#endif
#ifndef TCPOLEN_NOP
#define TCPOLEN_NOP 1
#endif
#ifndef TCPOLEN_EOL
#define TCPOLEN_EOL 1
#endif
#ifndef TCPOPT_SIGNATURE
#define TCPOPT_SIGNATURE 19
#endif

#endif
