/*
 * divertshim: <netinet/in.h> with the protocol of divert sockets, and with sin_len and sin6_len in
 * the address structures. sin_len is the last byte of sin_zero, which divert sockets leave alone;
 * sin6_len is a byte of sin6_flowinfo, which the kernel ignores unless the program asks for flow
 * labels.
 */
#ifndef DIVERTSHIM_NETINET_IN_H
#define DIVERTSHIM_NETINET_IN_H

#pragma GCC system_header
#include <sys/socket.h>

/* Everything that contains one of the structures is declared again below. */
#define sockaddr_in   divertshim_libc_sockaddr_in
#define sockaddr_in6  divertshim_libc_sockaddr_in6
#define ip6_mtuinfo   divertshim_libc_ip6_mtuinfo
#define bindresvport  divertshim_libc_bindresvport
#define bindresvport6 divertshim_libc_bindresvport6
#include_next <netinet/in.h>
#undef sockaddr_in
#undef sockaddr_in6
#undef ip6_mtuinfo
#undef bindresvport
#undef bindresvport6

struct __attribute__((__may_alias__)) sockaddr_in {
    sa_family_t sin_family;
    in_port_t sin_port;
    struct in_addr sin_addr;
    __extension__ union {
        unsigned char sin_zero[8];
        __extension__ struct {
            unsigned char __sin_zero[7];
            unsigned char sin_len;
        };
    };
};

#if !defined(__USE_KERNEL_IPV6_DEFS) || !__USE_KERNEL_IPV6_DEFS
struct __attribute__((__may_alias__)) sockaddr_in6 {
    sa_family_t sin6_family;
    in_port_t sin6_port;
    __extension__ union {
        uint32_t sin6_flowinfo;
        unsigned char sin6_len;
    };
    struct in6_addr sin6_addr;
    uint32_t sin6_scope_id;
};

#if defined(__USE_GNU) || !defined(__GLIBC__)
struct ip6_mtuinfo {
    struct sockaddr_in6 ip6m_addr;
    uint32_t ip6m_mtu;
};
#endif
#endif

#ifdef __USE_MISC
__BEGIN_DECLS
extern int bindresvport(int __sockfd, struct sockaddr_in *__sock_in) __THROW;
extern int bindresvport6(int __sockfd, struct sockaddr_in6 *__sock_in) __THROW;
__END_DECLS
#endif

/* The number FreeBSD and OpenBSD use; larger than any protocol in a packet. */
#ifndef IPPROTO_DIVERT
#define IPPROTO_DIVERT 258
#endif

/*
 * Of OpenBSD 5.3 to 6.2: setsockopt(fd, IPPROTO_IP or IPPROTO_IPV6, IP_DIVERTFL) restricts the
 * socket to packets of one direction. It can be set once.
 */
#ifndef IP_DIVERTFL
#define IP_DIVERTFL         0x1022
#define IPPROTO_DIVERT_RESP 0x01 /* incoming */
#define IPPROTO_DIVERT_INIT 0x02 /* outgoing */
#endif

#endif
