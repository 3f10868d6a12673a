/*
 * divertshim: <sys/socket.h> with the protocol families of divert and routing sockets, and with
 * sa_len and ss_len in the address structures, see <bits/socket.h>.
 */
#ifndef DIVERTSHIM_SYS_SOCKET_H
#define DIVERTSHIM_SYS_SOCKET_H

#pragma GCC system_header
#include_next <sys/socket.h>

/*
 * For programs of FreeBSD 14 and later: socket(PF_DIVERT, SOCK_RAW, 0). Not FreeBSD's 44, which is
 * AF_XDP here. Same number as IPPROTO_DIVERT.
 */
#ifndef AF_DIVERT
#define AF_DIVERT 258
#endif
#ifndef PF_DIVERT
#define PF_DIVERT AF_DIVERT
#endif

/* Not the system's, which is another name of AF_NETLINK and speaks another language. */
#undef AF_ROUTE
#undef PF_ROUTE
#define AF_ROUTE 259
#define PF_ROUTE AF_ROUTE

/* Addresses of interfaces in routing messages: struct sockaddr_dl. */
#ifndef AF_LINK
#define AF_LINK 260
#endif
#ifndef PF_LINK
#define PF_LINK AF_LINK
#endif

/* Several sockets share a port, and flows are spread over them. FreeBSD's number, free here. */
#ifndef SO_REUSEPORT_LB
#define SO_REUSEPORT_LB 0x00010000
#endif

/* A number that rules ask for (sockarg). FreeBSD's, free here. */
#ifndef SO_USER_COOKIE
#define SO_USER_COOKIE 0x1015
#endif

/* Whether a routing socket hears what it says: setsockopt() does not know it. */
#ifndef SO_USELOOPBACK
#define SO_USELOOPBACK 0x00020000
#endif

#endif
