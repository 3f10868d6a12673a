/* SPDX-License-Identifier: BSD-2-Clause */
/* Building BSD's routing messages from what rtnetlink says. */
#include "bsd/route_message.h"

#include "netif/rtnetlink.h"

/* The project's own headers, which programs are compiled with. */
#include <net/if_dl.h>
#include <net/if_types.h>
#include <net/route.h>

#include <linux/if.h>
#include <linux/if_arp.h>
#include <netinet/in.h>
#include <string.h>

#define ETHERNET_HEADER_LEN 14

static uint8_t bsd_type(uint16_t hardware)
{
    switch (hardware) {
    case ARPHRD_ETHER:
        return IFT_ETHER;
    case ARPHRD_LOOPBACK:
        return IFT_LOOP;
    case ARPHRD_PPP:
    case ARPHRD_NONE: /* tun(4) is of this type on BSD */
        return IFT_PPP;
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
        return IFT_GIF;
    default:
        return IFT_OTHER;
    }
}

static uint8_t bsd_link_state(uint8_t operstate)
{
    switch (operstate) {
    case IF_OPER_UP:
        return LINK_STATE_UP;
    case IF_OPER_DOWN:
    case IF_OPER_NOTPRESENT:
    case IF_OPER_LOWERLAYERDOWN:
        return LINK_STATE_DOWN;
    default:
        return LINK_STATE_UNKNOWN;
    }
}

/* Each of these writes an address to p and returns its length, rounded up to the next address. */

static size_t put_link_address(char *p, const struct rtnetlink_link *link)
{
    struct sockaddr_dl *sdl = (struct sockaddr_dl *)(void *)p;
    size_t name = strlen(link->name), room = sizeof(sdl->sdl_data) - name;
    size_t len = link->address_len < room ? link->address_len : room;

    memset(sdl, 0, sizeof(*sdl));
    sdl->sdl_family = AF_LINK;
    sdl->sdl_len = sizeof(*sdl);
    sdl->sdl_index = (u_short)link->index;
    sdl->sdl_type = bsd_type(link->hardware);
    sdl->sdl_nlen = (u_char)name;
    sdl->sdl_alen = (u_char)len;
    memcpy(sdl->sdl_data, link->name, name);
    memcpy(LLADDR(sdl), link->address, len);
    return SA_SIZE(sdl);
}

static size_t put_inet(char *p, const void *address)
{
    struct sockaddr_in *sin = (struct sockaddr_in *)(void *)p;

    memset(sin, 0, sizeof(*sin));
    sin->sin_family = AF_INET;
    sin->sin_len = sizeof(*sin);
    memcpy(&sin->sin_addr, address, sizeof(sin->sin_addr));
    return SA_SIZE(sin);
}

static size_t put_inet6(char *p, const struct rtnetlink_address *address)
{
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)(void *)p;

    memset(sin6, 0, sizeof(*sin6));
    sin6->sin6_family = AF_INET6;
    sin6->sin6_len = sizeof(*sin6);
    memcpy(&sin6->sin6_addr, address->local, sizeof(sin6->sin6_addr));
    if (IN6_IS_ADDR_LINKLOCAL(&sin6->sin6_addr))
        sin6->sin6_scope_id = address->index;
    return (sizeof(*sin6) + sizeof(long) - 1) & ~(sizeof(long) - 1);
}

static void put_data(struct if_data *data, const struct rtnetlink_link *link)
{
    const struct rtnl_link_stats64 *s = &link->statistics;

    data->ifi_type = bsd_type(link->hardware);
    data->ifi_addrlen = link->address_len;
    data->ifi_hdrlen = link->hardware == ARPHRD_ETHER ? ETHERNET_HEADER_LEN : 0;
    data->ifi_link_state = bsd_link_state(link->operstate);
    data->ifi_datalen = sizeof(*data);
    data->ifi_mtu = link->mtu;
    data->ifi_ipackets = s->rx_packets;
    data->ifi_ierrors = s->rx_errors;
    data->ifi_opackets = s->tx_packets;
    data->ifi_oerrors = s->tx_errors;
    data->ifi_collisions = s->collisions;
    data->ifi_ibytes = s->rx_bytes;
    data->ifi_obytes = s->tx_bytes;
    data->ifi_imcasts = s->multicast;
    data->ifi_iqdrops = s->rx_dropped;
    data->ifi_oqdrops = s->tx_dropped;
}

size_t route_message_link(void *buf, const struct rtnetlink_link *link)
{
    struct if_msghdr *ifm = buf;

    memset(ifm, 0, sizeof(*ifm));
    ifm->ifm_version = RTM_VERSION;
    ifm->ifm_type = RTM_IFINFO;
    ifm->ifm_addrs = RTA_IFP;
    ifm->ifm_flags = (int)link->flags;
    ifm->ifm_index = (u_short)link->index;
    put_data(&ifm->ifm_data, link);
    ifm->ifm_msglen = (u_short)(sizeof(*ifm) + put_link_address((char *)(ifm + 1), link));
    return ifm->ifm_msglen;
}

size_t route_message_gone(void *buf, const struct rtnetlink_link *link)
{
    struct if_announcemsghdr *ifan = buf;

    memset(ifan, 0, sizeof(*ifan));
    ifan->ifan_msglen = sizeof(*ifan);
    ifan->ifan_version = RTM_VERSION;
    ifan->ifan_type = RTM_IFANNOUNCE;
    ifan->ifan_index = (u_short)link->index;
    memcpy(ifan->ifan_name, link->name, sizeof(ifan->ifan_name));
    ifan->ifan_what = IFAN_DEPARTURE;
    return ifan->ifan_msglen;
}

size_t route_message_address(void *buf, const struct rtnetlink_address *address, bool gone,
                             const struct rtnetlink_link *link)
{
    struct ifa_msghdr *ifam = buf;
    char *start = (char *)(ifam + 1), *p = start;
    bool inet = address->family == AF_INET;

    memset(ifam, 0, sizeof(*ifam));
    ifam->ifam_version = RTM_VERSION;
    ifam->ifam_type = gone ? RTM_DELADDR : RTM_NEWADDR;
    ifam->ifam_index = (u_short)address->index;
    if (inet) {
        unsigned host = address->prefix_len < 32 ? 32u - address->prefix_len : 0;
        in_addr_t mask = htonl((uint32_t)(~UINT64_C(0) << host));

        p += put_inet(p, &mask);
        ifam->ifam_addrs |= RTA_NETMASK;
    }
    if (link) {
        p += put_link_address(p, link);
        ifam->ifam_addrs |= RTA_IFP;
    }
    p += inet ? put_inet(p, address->local) : put_inet6(p, address);
    ifam->ifam_addrs |= RTA_IFA;
    if (inet && address->has_other) {
        p += put_inet(p, address->other);
        ifam->ifam_addrs |= RTA_BRD;
    }
    ifam->ifam_msglen = (u_short)(sizeof(*ifam) + (size_t)(p - start));
    return ifam->ifam_msglen;
}
