/*
 * divertshim: <sys/socket.h> with the protocol family of divert sockets,
 * for programs of FreeBSD 14 and later: socket(PF_DIVERT, SOCK_RAW, 0).
 */
#ifndef DIVERTSHIM_SYS_SOCKET_H
#define DIVERTSHIM_SYS_SOCKET_H

#pragma GCC system_header
#include_next <sys/socket.h>

/* Not FreeBSD's 44, which is AF_XDP here. Same number as IPPROTO_DIVERT. */
#ifndef AF_DIVERT
#define AF_DIVERT 258
#endif
#ifndef PF_DIVERT
#define PF_DIVERT AF_DIVERT
#endif

/* Several sockets share a port, and flows are spread over them. FreeBSD's number, free here. */
#ifndef SO_REUSEPORT_LB
#define SO_REUSEPORT_LB 0x00010000
#endif

#endif
