/*
 * divertshim: <net/if.h> with the routing messages about interfaces, in FreeBSD's layout. Interface
 * flags are those of Linux, in routing messages as well.
 */
#ifndef DIVERTSHIM_NET_IF_H
#define DIVERTSHIM_NET_IF_H

#pragma GCC system_header
#include_next <net/if.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>

#ifndef IF_NAMESIZE
#define IF_NAMESIZE 16
#endif

/* Flags that no interface has on Linux. */
#define IFF_SIMPLEX 0
#define IFF_OACTIVE 0
#define IFF_LINK0   0
#define IFF_LINK1   0
#define IFF_LINK2   0

#define LINK_STATE_UNKNOWN 0
#define LINK_STATE_DOWN    1
#define LINK_STATE_UP      2

struct if_data {
    uint8_t ifi_type; /* as <net/if_types.h> has them */
    uint8_t ifi_physical;
    uint8_t ifi_addrlen;
    uint8_t ifi_hdrlen;
    uint8_t ifi_link_state;
    uint8_t ifi_vhid;
    uint16_t ifi_datalen; /* of this structure */
    uint32_t ifi_mtu;
    uint32_t ifi_metric;
    uint64_t ifi_baudrate; /* 0: not known */
    uint64_t ifi_ipackets;
    uint64_t ifi_ierrors;
    uint64_t ifi_opackets;
    uint64_t ifi_oerrors;
    uint64_t ifi_collisions;
    uint64_t ifi_ibytes;
    uint64_t ifi_obytes;
    uint64_t ifi_imcasts;
    uint64_t ifi_omcasts;
    uint64_t ifi_iqdrops;
    uint64_t ifi_oqdrops;
    uint64_t ifi_noproto;
    uint64_t ifi_hwassist;
    time_t ifi_epoch;
    struct timeval ifi_lastchange;
};

/* RTM_IFINFO, followed by a struct sockaddr_dl */
struct if_msghdr {
    u_short ifm_msglen; /* bytes, including what follows */
    u_char ifm_version; /* RTM_VERSION */
    u_char ifm_type;
    int ifm_addrs; /* which addresses follow: RTA_IFP */
    int ifm_flags;
    u_short ifm_index;
    u_short _ifm_spare1;
    struct if_data ifm_data;
};

/* RTM_NEWADDR and RTM_DELADDR, followed by the addresses in the order of RTAX_* */
struct ifa_msghdr {
    u_short ifam_msglen;
    u_char ifam_version;
    u_char ifam_type;
    int ifam_addrs;
    int ifam_flags;
    u_short ifam_index;
    u_short _ifam_spare1;
    int ifam_metric;
    int _ifam_spare2; /* so that addresses are aligned as longs */
};

#define IFAN_ARRIVAL   0
#define IFAN_DEPARTURE 1

/* RTM_IFANNOUNCE */
struct if_announcemsghdr {
    u_short ifan_msglen;
    u_char ifan_version;
    u_char ifan_type;
    u_short ifan_index;
    char ifan_name[IF_NAMESIZE];
    u_short ifan_what;
};

/* For walking through the result of SIOCGIFCONF, where all entries are of one size here. */
#define _SIZEOF_ADDR_IFREQ(ifr) sizeof(struct ifreq)

#endif
