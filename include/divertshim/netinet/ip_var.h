/*
 * divertshim: <netinet/ip_var.h>, which BSD has and glibc lacks. Contains only the overlay of an IP
 * header that <netinet/tcpip.h> is made of.
 */
#ifndef DIVERTSHIM_NETINET_IP_VAR_H
#define DIVERTSHIM_NETINET_IP_VAR_H

#pragma GCC system_header
#include <netinet/in.h>
#include <sys/types.h>

/* An IP header as the TCP and UDP checksums see it: 20 bytes. */
struct ipovly {
    u_char ih_x1[9];       /* unused here; zero for the checksum */
    u_char ih_pr;          /* protocol */
    u_short ih_len;        /* length of what follows, network byte order */
    struct in_addr ih_src; /* network byte order */
    struct in_addr ih_dst; /* network byte order */
};

#endif
