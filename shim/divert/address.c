/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and making socket addresses, and which packets a socket of a family may send. */
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

void divert_address6(struct divert_socket *s, const struct nfqueue_packet *p, uint16_t tag,
                     struct divert_address *address)
{
    struct sockaddr_in6 *sin6 = &address->in6;
    const struct interface *in;

    *sin6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = tag};
    address->len = sizeof(*sin6);
    in = divert_is_incoming(p) ? interfaces_recall(&s->in, p->indev) : NULL;
    if (!in)
        return;
    sin6->sin6_addr = in->address6;
    if (IN6_IS_ADDR_LINKLOCAL(&in->address6))
        sin6->sin6_scope_id = in->index;
    address->incoming = !IN6_IS_ADDR_UNSPECIFIED(&in->address6);
}

static int read_address6(const struct msghdr *msg, struct divert_destination *to)
{
    struct sockaddr_in6 sin6 = {0};
    struct interface in;

    if (msg->msg_namelen < LEN_IPV6)
        return -EINVAL;
    memcpy(&sin6, msg->msg_name, msg->msg_namelen < sizeof(sin6) ? msg->msg_namelen : sizeof(sin6));
    to->tag = sin6.sin6_port;
    to->scope = sin6.sin6_scope_id;
    if (IN6_IS_ADDR_UNSPECIFIED(&sin6.sin6_addr))
        return 0;
    to->direction.incoming = true;
    interfaces_refresh_if_old();
    if (!interfaces_by_address6(&sin6.sin6_addr, to->scope, &in))
        return -EADDRNOTAVAIL;
    to->direction.indev = in.index;
    return 0;
}

/* The interface named in sin_zero, if the name is terminated by a NUL (ip_divert.c). */
static bool interface_named(const struct sockaddr_in *sin, struct interface *in)
{
    size_t len = strnlen((const char *)sin->sin_zero, sizeof(sin->sin_zero));

    return len > 0 && len < sizeof(sin->sin_zero) &&
           interfaces_by_name((const char *)sin->sin_zero, in);
}

static int read_address4(const struct msghdr *msg, struct divert_destination *to)
{
    struct sockaddr_in sin = {0};
    struct interface in;

    if (msg->msg_namelen < LEN_IPV4)
        return -EINVAL;
    memcpy(&sin, msg->msg_name, msg->msg_namelen < sizeof(sin) ? msg->msg_namelen : sizeof(sin));
    if (sin.sin_zero[sizeof(sin.sin_zero) - 1] == sizeof(sin))
        sin.sin_zero[sizeof(sin.sin_zero) - 1] = '\0'; /* sin_len, see include/divertshim */
    to->tag = sin.sin_port;
    if (sin.sin_addr.s_addr == INADDR_ANY)
        return 0;
    to->direction.incoming = true;
    interfaces_refresh_if_old();
    if (!interface_named(&sin, &in) && !interfaces_by_address(sin.sin_addr.s_addr, &in))
        return -EADDRNOTAVAIL;
    to->direction.indev = in.index;
    return 0;
}

int divert_read_address(const struct divert_socket *s, const struct msghdr *msg,
                        struct divert_destination *to)
{
    const struct sockaddr *address = msg->msg_name;
    bool ipv6 = s->shared->family == AF_INET6;

    if (!address)
        return 0;
    if (divert_is_last_address(s, msg)) {
        divert_take_last_address(&s->shared->last, to);
        return 0;
    }
    if (msg->msg_namelen < sizeof(address->sa_family))
        return -EINVAL;
    if (address->sa_family != s->shared->family && address->sa_family != AF_UNSPEC &&
        msg->msg_namelen >= LEN_IPV4)
        return -EAFNOSUPPORT;
    return ipv6 ? read_address6(msg, to) : read_address4(msg, to);
}

bool divert_may_send(const struct divert_socket *s, const void *packet, size_t len)
{
    unsigned version = packet_version(packet, len);

    if (s->shared->family == AF_INET6)
        return version == 6;
    return version == 4 || !s->options->openbsd;
}
