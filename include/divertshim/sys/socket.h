/*
 * divertshim: <sys/socket.h> with the protocol families of divert and routing sockets, and with
 * sa_len and ss_len in the address structures, see <bits/socket.h>.
 */
#ifndef DIVERTSHIM_SYS_SOCKET_H
#define DIVERTSHIM_SYS_SOCKET_H

#pragma GCC system_header
#include <sys/cdefs.h>

#include <features.h>
#ifdef __GLIBC__
#include_next <sys/socket.h>
#else
/* Everything that contains one of the structures is declared again below. */
#define sockaddr         divertshim_libc_sockaddr
#define sockaddr_storage divertshim_libc_sockaddr_storage
#define bind             divertshim_libc_bind
#define connect          divertshim_libc_connect
#define accept           divertshim_libc_accept
#define accept4          divertshim_libc_accept4
#define getsockname      divertshim_libc_getsockname
#define getpeername      divertshim_libc_getpeername
#define sendto           divertshim_libc_sendto
#define recvfrom         divertshim_libc_recvfrom
/* Alpine's headers for _FORTIFY_SOURCE have functions of their own in the place of some. */
#pragma push_macro("_FORTIFY_SOURCE")
#undef _FORTIFY_SOURCE
#include_next <sys/socket.h>
#pragma pop_macro("_FORTIFY_SOURCE")
#undef sockaddr
#undef sockaddr_storage
#undef bind
#undef connect
#undef accept
#undef accept4
#undef getsockname
#undef getpeername
#undef sendto
#undef recvfrom

struct __attribute__((__may_alias__)) sockaddr {
    sa_family_t sa_family;
    __extension__ union {
        char sa_data[14];
        __extension__ struct {
            char __sa_address[13];
            unsigned char sa_len; /* the last byte of sin_zero, too: sin_len */
        };
    };
};

struct __attribute__((__may_alias__)) sockaddr_storage {
    sa_family_t ss_family;
    char __ss_address[128 - sizeof(long) - sizeof(sa_family_t) - 1];
    unsigned char ss_len; /* behind all addresses */
    unsigned long __ss_align;
};

__BEGIN_DECLS
int bind(int, const struct sockaddr *, socklen_t);
int connect(int, const struct sockaddr *, socklen_t);
int accept(int, struct sockaddr *__restrict, socklen_t *__restrict);
int accept4(int, struct sockaddr *__restrict, socklen_t *__restrict, int);
int getsockname(int, struct sockaddr *__restrict, socklen_t *__restrict);
int getpeername(int, struct sockaddr *__restrict, socklen_t *__restrict);
ssize_t sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
ssize_t recvfrom(int, void *__restrict, size_t, int, struct sockaddr *__restrict,
                 socklen_t *__restrict);
__END_DECLS
#endif

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

/* Not the system's value, which is another name of AF_NETLINK, with other messages. */
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

/* Several sockets share a port, and flows are spread over them. FreeBSD's value, free here. */
#ifndef SO_REUSEPORT_LB
#define SO_REUSEPORT_LB 0x00010000
#endif

/* A number that rules can match (sockarg). FreeBSD's value, free here. */
#ifndef SO_USER_COOKIE
#define SO_USER_COOKIE 0x1015
#endif

/* Whether a routing socket receives its own messages: setsockopt() does not know it. */
#ifndef SO_USELOOPBACK
#define SO_USELOOPBACK 0x00020000
#endif

#endif
