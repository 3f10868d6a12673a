/* divertshim: <netinet/ip.h> with the pseudo header that BSD has there. */
#ifndef DIVERTSHIM_NETINET_IP_H
#define DIVERTSHIM_NETINET_IP_H

#pragma GCC system_header
#include_next <netinet/ip.h>
#include <sys/types.h> /* u_char, which musl has there alone */

/* The name by which sources ask whether this header has been included. */
#ifndef _NETINET_IP_H_
#define _NETINET_IP_H_
#endif

/* What the TCP and UDP checksums cover of the IP header; network byte order. */
struct ippseudo {
    struct in_addr ippseudo_src;
    struct in_addr ippseudo_dst;
    u_char ippseudo_pad;
    u_char ippseudo_p;
    u_short ippseudo_len;
};

#ifndef IPTOS_ECN_MASK
#define IPTOS_ECN_MASK 0x03
#endif

#endif
