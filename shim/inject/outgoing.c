/* SPDX-License-Identifier: BSD-2-Clause */
/* Injecting outgoing packets: raw sockets with IP_HDRINCL. */
#include "inject/inject.h"

#include "inject/private.h"
#include "netif/interfaces.h"
#include "packet/packet.h"
#include "process/private_fd.h"
#include "process/privileges.h"
#include "process/process.h"
#include "real.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

/* Bytes; packets may wait in a queue for long. A limit only: no memory is reserved for it. */
#define SEND_BUFFER (64 << 20)

/*
 * A raw socket of one family. IPPROTO_RAW implies IP_HDRINCL, and receives nothing. mark is its
 * SO_MARK: 0, or the one that rules copy to the packet.
 */
struct sender {
    int family;
    bool open;
    int fd;
    pid_t process; /* process that opened it */
    uint32_t mark;
};

static struct sender senders[] = {{.family = AF_INET}, {.family = AF_INET6}};
static uint8_t piece[PACKET_MAX]; /* guarded by LOCK_INJECT_OUT */

/* Where a packet goes, and the source address for the route lookup, or zeros. */
struct destination {
    struct sender *sender;
    struct inject_marks marks;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } to;
    socklen_t to_len;
    in_addr_t source; /* network byte order */
    struct in6_pktinfo source6;
};

static int raw_socket(int family)
{
    int fd = real.socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), on = 1, room = SEND_BUFFER;

    if (fd < 0)
        return -errno;
    real.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
    real.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
    /*
     * Allows routing by addresses that are not the host's; rules recognise the socket by it, too.
     */
    if (family == AF_INET6)
        real.setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));
    else
        real.setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
    return fd;
}

static int make_ready(struct sender *s)
{
    int fd;

    if (s->open)
        return 0;
    fd = raw_socket(s->family);
    if (fd < 0)
        return fd;
    s->fd = private_fd(fd);
    s->open = true;
    s->process = process_id();
    s->mark = 0;
    return 0;
}

/*
 * A child must not set the mark of its parent's socket: opens its own. If that fails, the parent's
 * is used without a mark.
 */
static void make_own(struct sender *s)
{
    struct sender parents = *s;

    if (s->process == process_id())
        return;
    s->open = false;
    if (make_ready(s) == 0)
        private_fd_close(parents.fd);
    else
        *s = parents;
}

static bool mark_socket(struct sender *s, uint32_t mark)
{
    make_own(s);
    if (s->process != process_id())
        return false;
    if (s->mark != mark && real.setsockopt(s->fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
        return false;
    s->mark = mark;
    return true;
}

/*
 * The packet's source, so that policy routing by source works. Linux refuses addresses that cannot
 * be a host's and, for multicast and broadcast, those that are not its own.
 */
static in_addr_t routing_source(const void *packet, in_addr_t to)
{
    struct interface own;
    in_addr_t source, host;

    memcpy(&source, (const char *)packet + offsetof(struct iphdr, saddr), sizeof(source));
    host = ntohl(source);
    if (IN_MULTICAST(host) || host == INADDR_BROADCAST || host >> 24 == 0)
        return INADDR_ANY;
    if ((IN_MULTICAST(ntohl(to)) || to == INADDR_BROADCAST) && !interfaces_by_address(source, &own))
        return INADDR_ANY;
    return source;
}

static bool needs_scope(const struct in6_addr *a)
{
    return IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_MC_LINKLOCAL(a) || IN6_IS_ADDR_MC_NODELOCAL(a);
}

/* The same for IPv6, where any source is allowed. A link-local source needs its link. */
static struct in6_pktinfo routing_source6(const struct in6_addr *source, uint32_t link)
{
    struct in6_pktinfo info = {.ipi6_addr = *source};

    if (needs_scope(source))
        info.ipi6_ifindex = link;
    if (IN6_IS_ADDR_MULTICAST(source) || IN6_IS_ADDR_LOOPBACK(source) ||
        (needs_scope(source) && !link))
        return (struct in6_pktinfo){0};
    return info;
}

static struct destination destination6_of(const void *packet, uint32_t outdev)
{
    struct destination d = {.sender = &senders[1], .to_len = sizeof(d.to.in6)};
    struct sockaddr_in6 *to = &d.to.in6;
    struct interface own;
    struct ip6_hdr ip6;

    memcpy(&ip6, packet, sizeof(ip6));
    if (!outdev && (IN6_IS_ADDR_MULTICAST(&ip6.ip6_dst) || needs_scope(&ip6.ip6_dst) ||
                    needs_scope(&ip6.ip6_src)))
        outdev = interfaces_by_address6(&ip6.ip6_src, 0, &own) ? own.index : 0;
    to->sin6_family = AF_INET6;
    to->sin6_addr = ip6.ip6_dst;
    to->sin6_scope_id = needs_scope(&ip6.ip6_dst) ? outdev : 0;
    d.source6 = routing_source6(&ip6.ip6_src, outdev);
    if (IN6_IS_ADDR_MULTICAST(&ip6.ip6_dst))
        d.source6.ipi6_ifindex = outdev;
    return d;
}

static struct destination destination_of(const void *packet, uint32_t outdev)
{
    struct destination d = {0};

    if (packet_version(packet, 1) == 6)
        return destination6_of(packet, outdev);
    d.sender = &senders[0];
    d.to.in.sin_family = AF_INET;
    d.to.in.sin_addr.s_addr = packet_destination(packet);
    d.to_len = sizeof(d.to.in);
    d.source = routing_source(packet, d.to.in.sin_addr.s_addr);
    return d;
}

/*
 * A packet dropped by rules or a full queue is no error of the program's, just as for one that goes
 * back as a verdict.
 */
static int send_error(const struct destination *d, int error)
{
    switch (error) {
    case EAGAIN:
    case ENOBUFS:
        return 0;
    case EPERM:
        return d->marks.sent && !privileges_has_net_admin() ? -EPERM : 0;
    default:
        return -error;
    }
}

static void put_control(struct msghdr *msg, int level, int type, const void *value, size_t len)
{
    struct cmsghdr *c = (struct cmsghdr *)((char *)msg->msg_control + msg->msg_controllen);

    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), value, len);
    msg->msg_controllen += CMSG_SPACE(len);
}

static int send_one(void *arg, const void *packet, size_t len)
{
    struct destination *d = arg;
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = d->source};
    char control[CMSG_SPACE(sizeof(d->source6)) + CMSG_SPACE(sizeof(d->marks.routed))]
        __attribute__((aligned(8))) = {0};
    struct iovec iov = {(void *)packet, len};
    struct msghdr msg = {
        .msg_name = &d->to,
        .msg_namelen = d->to_len,
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
    };

    if (d->marks.routed || d->sender->mark)
        put_control(&msg, SOL_SOCKET, SO_MARK, &d->marks.routed, sizeof(d->marks.routed));
    if (d->source != INADDR_ANY)
        put_control(&msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    if (d->source6.ipi6_ifindex || !IN6_IS_ADDR_UNSPECIFIED(&d->source6.ipi6_addr))
        put_control(&msg, IPPROTO_IPV6, IPV6_PKTINFO, &d->source6, sizeof(d->source6));
    return real.sendmsg(d->sender->fd, &msg, MSG_DONTWAIT) < 0 ? send_error(d, errno) : 0;
}

static int bind_source(int fd, const struct destination *d)
{
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = d->source};
    struct sockaddr_in6 source6 = {
        .sin6_family = AF_INET6,
        .sin6_addr = d->source6.ipi6_addr,
        .sin6_scope_id = d->source6.ipi6_ifindex,
    };

    if (d->sender->family == AF_INET6)
        return real.bind(fd, (struct sockaddr *)&source6, sizeof(source6));
    return real.bind(fd, (struct sockaddr *)&source, sizeof(source));
}

/* The MTU of the packet's route, as the kernel knows it; 0 without a route. */
static size_t route_mtu(const struct destination *d)
{
    int family = d->sender->family, level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int fd = raw_socket(family), mtu = 0;
    socklen_t size = sizeof(mtu);

    if (fd < 0)
        return 0;
    real.setsockopt(fd, SOL_SOCKET, SO_MARK, &d->marks.routed, sizeof(d->marks.routed));
    if (bind_source(fd, d) < 0 || real.connect(fd, &d->to.any, d->to_len) < 0 ||
        real.getsockopt(fd, level, family == AF_INET6 ? IPV6_MTU : IP_MTU, &mtu, &size) < 0)
        mtu = 0;
    real.close(fd);
    return (size_t)mtu;
}

size_t inject_route_mtu(const void *packet)
{
    struct destination d = destination_of(packet, 0);

    return route_mtu(&d);
}

static int send_segments(struct destination *d, const void *packet, size_t len, size_t mtu)
{
    unsigned count = packet_segment_count(packet, len, mtu);
    int err = count > 1 ? 0 : -EMSGSIZE;

    for (unsigned i = 0; i < count && !err; i++)
        err = send_one(d, piece, packet_segment(packet, len, mtu, i, piece));
    return err;
}

static int send_in_pieces(struct destination *d, const void *packet, size_t len, bool segment)
{
    size_t mtu = route_mtu(d);

    if (mtu < MTU_MIN || mtu >= len)
        return -EMSGSIZE;
    if (segment)
        return send_segments(d, packet, len, mtu);
    return packet_fragment(packet, mtu, piece, send_one, d);
}

int inject_outgoing(const void *packet, size_t len, const struct inject_marks *marks,
                    uint32_t outdev, bool segment)
{
    struct destination d = destination_of(packet, outdev);
    int err;

    d.marks = *marks;
    process_lock(LOCK_INJECT_OUT);
    err = make_ready(d.sender);
    if (!err && marks->routed != marks->sent && !mark_socket(d.sender, marks->sent))
        d.marks.routed = marks->sent;
    if (!err)
        err = send_one(&d, packet, len);
    if (err == -EMSGSIZE && (segment || !packet_dont_fragment(packet)))
        err = send_in_pieces(&d, packet, len, segment);
    process_unlock(LOCK_INJECT_OUT);
    return err;
}

void inject_out_prepare(void)
{
    process_lock(LOCK_INJECT_OUT);
    for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++)
        make_ready(&senders[i]);
    process_unlock(LOCK_INJECT_OUT);
}

void inject_out_close(void)
{
    process_lock(LOCK_INJECT_OUT);
    for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
        if (senders[i].open)
            private_fd_close(senders[i].fd);
        senders[i].open = false;
    }
    process_unlock(LOCK_INJECT_OUT);
}
