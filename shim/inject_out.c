/* SPDX-License-Identifier: BSD-2-Clause */
/* Outgoing: a raw socket with IP_HDRINCL. */
#include "inject.h"

#include "hidden.h"
#include "inject_private.h"
#include "packet.h"
#include "real.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <pthread.h>
#include <string.h>

#define MTU_MIN 68 /* RFC 791 */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int raw_fd; /* plus 1, so that 0 means closed */

static int raw_open(void)
{
    int fd = real.socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), on = 1;

    if (fd < 0)
        return -errno;
    real.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
    return hidden_fd(fd);
}

static int raw_get(void)
{
    int fd;

    pthread_mutex_lock(&lock);
    if (!raw_fd) {
        fd = raw_open();
        if (fd >= 0)
            raw_fd = fd + 1;
    } else {
        fd = raw_fd - 1;
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

struct destination {
    int fd;
    struct sockaddr_in to;
    uint32_t mark;
};

static int send_one(void *arg, const void *packet, size_t len)
{
    struct destination *d = arg;
    char control[CMSG_SPACE(sizeof(d->mark))] __attribute__((aligned(8))) = {0};
    struct iovec iov = {(void *)packet, len};
    struct msghdr msg = {
        .msg_name = &d->to,
        .msg_namelen = sizeof(d->to),
        .msg_iov = &iov,
        .msg_iovlen = 1,
    };

    if (d->mark) {
        struct cmsghdr *c;

        msg.msg_control = control;
        msg.msg_controllen = sizeof(control);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SO_MARK;
        c->cmsg_len = CMSG_LEN(sizeof(d->mark));
        memcpy(CMSG_DATA(c), &d->mark, sizeof(d->mark));
    }
    return real.sendmsg(d->fd, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* The MTU of the route to an address, as the kernel knows it. */
static size_t route_mtu(const struct destination *d)
{
    struct sockaddr_in to = d->to;
    int fd = real.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = 0, on = 1;
    socklen_t size = sizeof(mtu);

    if (fd < 0)
        return 0;
    to.sin_port = htons(9);
    real.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
    if (d->mark)
        real.setsockopt(fd, SOL_SOCKET, SO_MARK, &d->mark, sizeof(d->mark));
    if (real.connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
        real.getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &size) < 0)
        mtu = 0;
    real.close(fd);
    return (size_t)mtu;
}

int inject_outgoing(const void *packet, size_t len, uint32_t mark)
{
    struct destination d = {
        .fd = raw_get(),
        .to = {.sin_family = AF_INET, .sin_addr.s_addr = packet_destination(packet)},
        .mark = mark,
    };
    uint8_t fragment[PACKET_MAX];
    size_t mtu;
    int err;

    if (d.fd < 0)
        return d.fd;
    err = send_one(&d, packet, len);
    if (err != -EMSGSIZE || packet_dont_fragment(packet))
        return err;
    mtu = route_mtu(&d);
    if (mtu < MTU_MIN || mtu >= len)
        return -EMSGSIZE;
    return packet_fragment(packet, mtu, fragment, send_one, &d);
}

void inject_out_close(void)
{
    pthread_mutex_lock(&lock);
    if (raw_fd)
        real.close(raw_fd - 1);
    raw_fd = 0;
    pthread_mutex_unlock(&lock);
}
