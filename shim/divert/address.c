/* SPDX-License-Identifier: BSD-2-Clause */
/* What depends on a socket's family: the addresses of AF_INET6, and which packets may be sent. */
#include "divert/private.h"

#include "packet/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define LEN_IPV4 offsetof(struct sockaddr_in, sin_zero)
#define LEN_IPV6 offsetof(struct sockaddr_in6, sin6_scope_id) /* as RFC 2133 had it */

int divert_port_of(const struct divert_socket *s, const struct sockaddr *address, socklen_t len)
{
    bool ipv6 = s->shared->family == AF_INET6;

    if (!address || len < sizeof(address->sa_family))
        return -EINVAL;
    if (len >= LEN_IPV4 && address->sa_family != s->shared->family)
        return -EAFNOSUPPORT;
    if (len < (ipv6 ? LEN_IPV6 : LEN_IPV4))
        return -EINVAL;
    return ntohs(ipv6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                      : ((const struct sockaddr_in *)address)->sin_port);
}

void divert_address6(const struct nfqueue_packet *p, uint16_t tag, struct divert_address *address)
{
    struct sockaddr_in6 *sin6 = &address->in6;
    struct interface in;

    *sin6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = tag};
    address->len = sizeof(*sin6);
    if (!divert_is_incoming(p) || !p->indev || !interfaces_by_index(p->indev, &in))
        return;
    sin6->sin6_addr = in.address6;
    if (IN6_IS_ADDR_LINKLOCAL(&in.address6))
        sin6->sin6_scope_id = in.index;
    address->incoming = !IN6_IS_ADDR_UNSPECIFIED(&in.address6);
}

int divert_read_address6(const struct sockaddr *address, socklen_t len, bool *incoming,
                         struct interface *in, uint32_t *scope, uint16_t *tag)
{
    struct sockaddr_in6 sin6 = {0};

    if (len < sizeof(address->sa_family))
        return -EINVAL;
    if (address->sa_family != AF_INET6 && address->sa_family != AF_UNSPEC)
        return -EAFNOSUPPORT;
    if (len < LEN_IPV6)
        return -EINVAL;
    memcpy(&sin6, address, len < sizeof(sin6) ? len : sizeof(sin6));
    *tag = sin6.sin6_port;
    *scope = sin6.sin6_scope_id;
    *incoming = !IN6_IS_ADDR_UNSPECIFIED(&sin6.sin6_addr);
    if (*incoming)
        interfaces_refresh_if_old();
    if (*incoming && !interfaces_by_address6(&sin6.sin6_addr, *scope, in))
        return -EADDRNOTAVAIL;
    return 0;
}

bool divert_may_send(const struct divert_socket *s, const void *packet, size_t len)
{
    unsigned version = packet_version(packet, len);

    if (s->shared->family == AF_INET6)
        return version == 6;
    return version == 4 || !s->options->openbsd;
}
