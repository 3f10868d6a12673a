/*
 * divertshim: <net/route.h> with FreeBSD's routing messages. Addresses in them are structures of
 * these headers, one after the other, each rounded up to a multiple of long: SA_SIZE().
 */
#ifndef DIVERTSHIM_NET_ROUTE_H
#define DIVERTSHIM_NET_ROUTE_H

#pragma GCC system_header
#include <net/if.h>
#include_next <net/route.h>
#include <sys/types.h>

#define RTM_VERSION 5

#define RTM_ADD      0x1
#define RTM_DELETE   0x2
#define RTM_CHANGE   0x3
#define RTM_GET      0x4
#define RTM_LOSING   0x5
#define RTM_REDIRECT 0x6
#define RTM_MISS     0x7
#define RTM_LOCK     0x8
#define RTM_RESOLVE  0xb
#undef RTM_NEWADDR
#define RTM_NEWADDR 0xc
#undef RTM_DELADDR
#define RTM_DELADDR    0xd
#define RTM_IFINFO     0xe
#define RTM_NEWMADDR   0xf
#define RTM_DELMADDR   0x10
#define RTM_IFANNOUNCE 0x11

#define RTAX_DST     0
#define RTAX_GATEWAY 1
#define RTAX_NETMASK 2
#define RTAX_GENMASK 3
#define RTAX_IFP     4
#define RTAX_IFA     5
#define RTAX_AUTHOR  6
#define RTAX_BRD     7
#undef RTAX_MAX
#define RTAX_MAX 8

#define RTA_DST     (1 << RTAX_DST)
#define RTA_GATEWAY (1 << RTAX_GATEWAY)
#define RTA_NETMASK (1 << RTAX_NETMASK)
#define RTA_GENMASK (1 << RTAX_GENMASK)
#define RTA_IFP     (1 << RTAX_IFP)
#define RTA_IFA     (1 << RTAX_IFA)
#define RTA_AUTHOR  (1 << RTAX_AUTHOR)
#define RTA_BRD     (1 << RTAX_BRD)

/*
 * The room that an address takes in a message. IPv6 addresses come last: they have no byte to spare
 * where others have their length.
 */
#define SA_SIZE(sa)                                        \
    (!(sa) || ((const struct sockaddr *)(sa))->sa_len == 0 \
         ? sizeof(long)                                    \
         : (((const struct sockaddr *)(sa))->sa_len + sizeof(long) - 1) & ~(sizeof(long) - 1))

struct rt_metrics {
    u_long rmx_locks;
    u_long rmx_mtu;
    u_long rmx_hopcount;
    u_long rmx_expire;
    u_long rmx_recvpipe;
    u_long rmx_sendpipe;
    u_long rmx_ssthresh;
    u_long rmx_rtt;
    u_long rmx_rttvar;
    u_long rmx_pksent;
    u_long rmx_weight;
    u_long rmx_filler[3];
};

struct rt_msghdr {
    u_short rtm_msglen;
    u_char rtm_version;
    u_char rtm_type;
    u_short rtm_index;
    u_short _rtm_spare1;
    int rtm_flags;
    int rtm_addrs;
    pid_t rtm_pid;
    int rtm_seq;
    int rtm_errno;
    int rtm_fmask;
    u_long rtm_inits;
    struct rt_metrics rtm_rmx;
};

struct rt_addrinfo {
    int rti_addrs;
    struct sockaddr *rti_info[RTAX_MAX];
};

#endif
