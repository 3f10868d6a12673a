/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Injecting incoming packets: each is written to a TAP device, and a BPF program on the device
 * redirects it to the interface on which it is to arrive.
 */
#include "inject/inject.h"

#include "inject/private.h"
#include "packet/packet.h"
#include "process/private_fd.h"
#include "process/process.h"
#include "real.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TAP_NAME "divert%d"
#define LO_INDEX 1 /* in every network namespace */

static struct tap tap;
static bool device_open;   /* the device exists */
static bool redirected;    /* the BPF program is attached */
static int redirect_error; /* why it is not, until that has been reported */
static int reported_error; /* the last error that was reported */
static int link_fd;        /* BPF link that keeps it attached; 0 with clsact */

static void set_ipv6(const char *name, const char *setting, const char *value)
{
    char path[80];
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", name, setting);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (real.write(fd, value, strlen(value)) < 0)
        log_line(LOG_DEBUG, "%s: %s", path, strerror(errno));
    real.close(fd);
}

/* No IPv6 on the device itself: it must not send router solicitations. */
static void disable_ipv6(const char *name)
{
    set_ipv6(name, "disable_ipv6", "1");
}

/* Lets packets arrive on the device itself. Without an address it still sends nothing. */
static void let_ipv6_arrive(const char *name)
{
    set_ipv6(name, "addr_gen_mode", "1");
    set_ipv6(name, "disable_ipv6", "0");
}

static int configure(struct tap *t)
{
    struct ifreq request = {0};
    int fd = real.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

    if (fd < 0)
        return -errno;
    memcpy(request.ifr_name, t->name, sizeof(request.ifr_name));
    if (real.ioctl(fd, SIOCGIFINDEX, &request) < 0)
        goto fail;
    t->index = (uint32_t)request.ifr_ifindex;
    if (real.ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        goto fail;
    memcpy(t->mac, request.ifr_hwaddr.sa_data, sizeof(t->mac));
    request.ifr_flags = IFF_UP | IFF_NOARP;
    if (real.ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        goto fail;
    goto out;
fail:
    err = -errno;
out:
    real.close(fd);
    return err;
}

static int tap_open(struct tap *t)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = TAP_NAME};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), err;

    if (fd < 0)
        return -errno;
    if (real.ioctl(fd, TUNSETIFF, &request) < 0) {
        err = -errno;
        goto fail;
    }
    memcpy(t->name, request.ifr_name, sizeof(t->name));
    disable_ipv6(t->name);
    err = configure(t);
    if (err)
        goto fail;
    t->fd = private_fd(fd);
    return 0;
fail:
    real.close(fd);
    return err;
}

/* Attaches the BPF program. Returns 0, or -errno: then packets arrive on the TAP device itself. */
static int redirect(const struct tap *t, unsigned mark_shift)
{
    int program = redirect_load(mark_shift), err;

    if (program < 0)
        return program;
    err = redirect_attach_tcx(program, t->index);
    if (err >= 0) {
        link_fd = private_fd(err);
        err = 0;
    } else {
        err = redirect_attach_clsact(program, t->index);
    }
    real.close(program);
    return err;
}

/* Opens the device and attaches the program if possible; redirect_error says why not. */
static int open_device(unsigned mark_shift)
{
    int err;

    if (device_open)
        return 0;
    err = tap_open(&tap);
    if (err)
        return err;
    device_open = true;
    redirect_error = redirect(&tap, mark_shift);
    redirected = redirect_error == 0;
    if (!redirected)
        let_ipv6_arrive(tap.name);
    return 0;
}

static void close_device(void)
{
    if (link_fd)
        private_fd_close(link_fd);
    if (device_open)
        private_fd_close(tap.fd);
    link_fd = 0;
    device_open = redirected = false;
}

static int ready(unsigned mark_shift)
{
    int err = open_device(mark_shift);

    if (err && err != reported_error)
        log_line(LOG_WARN,
                 "incoming packets cannot be injected: no TAP device: %s (it needs "
                 "/dev/net/tun and CAP_NET_ADMIN)",
                 strerror(-err));
    reported_error = err;
    if (err)
        return err;
    if (redirect_error)
        log_line(LOG_WARN,
                 "BPF is not permitted here (%s): injected incoming packets arrive on %s, not on "
                 "their own interface, and without a tag; they meet all rules, and those that "
                 "name their interface do not match",
                 strerror(-redirect_error), tap.name);
    redirect_error = 0; /* reported */
    return 0;
}

struct frame_header {
    uint8_t destination[6];
    struct tap_route source;
    uint16_t type; /* network byte order */
} __attribute__((packed));

static bool is_own(in_addr_t address)
{
    struct interface own;

    return address && interfaces_by_address(address, &own);
}

static bool is_loopback(in_addr_t address)
{
    return ntohl(address) >> 24 == IN_LOOPBACKNET;
}

/* Whether the packet is only accepted on this interface when it comes by way of lo's output. */
static bool must_loop(const void *packet, uint32_t interface)
{
    in_addr_t to = packet_destination(packet);

    if (interface != LO_INDEX || packet_version(packet, 1) != 4)
        return false;
    return is_loopback(to) || is_own(to);
}

static bool is_martian4(const void *packet, const struct packet_ends *ends, uint32_t interface)
{
    in_addr_t from, to;

    memcpy(&from, ends->from, sizeof(from));
    memcpy(&to, ends->to, sizeof(to));
    return !must_loop(packet, interface) && (is_loopback(from) || is_loopback(to) || is_own(from));
}

bool inject_is_martian(const void *packet, size_t len, uint32_t interface)
{
    struct packet_ends ends;

    if (!packet_ends(packet, len, &ends))
        return false;
    if (packet_version(packet, len) == 4)
        return is_martian4(packet, &ends, interface);
    return interface != LO_INDEX && (memcmp(ends.from, &in6addr_loopback, 16) == 0 ||
                                     memcmp(ends.to, &in6addr_loopback, 16) == 0);
}

static int deliver(const void *packet, size_t len, const struct interface *in, uint16_t tag)
{
    bool ipv6 = packet_version(packet, len) == 6;
    uint32_t loop = must_loop(packet, in->index) ? TAP_ROUTE_LOOP : 0;
    struct frame_header header = {
        .source = {.index = htonl(in->index | loop), .tag = htons(tag)},
        .type = htons(ipv6 ? ETH_P_IPV6 : ETH_P_IP),
    };
    const struct iovec iov[] = {
        {&header, sizeof(header)},
        {(void *)packet, len},
    };

    /* Another destination address would make it PACKET_OTHERHOST. */
    memcpy(header.destination, redirected && in->ethernet && !loop ? in->mac : tap.mac,
           sizeof(header.destination));
    return real.writev(tap.fd, iov, 2) < 0 ? -errno : 0;
}

/*
 * The size of segments: what the interface could have received, and the route can forward. TCP may
 * know of a narrower link behind the host, and would not have sent more.
 */
static size_t mtu_on_the_way(const void *packet, const struct interface *in)
{
    size_t route = inject_route_mtu(packet);

    return route >= MTU_MIN && route < in->mtu ? route : in->mtu;
}

/* Delivers a packet whole or, if it is larger than the interface's MTU, in segments. */
static int deliver_all(const void *packet, size_t len, const struct interface *in, uint16_t tag,
                       bool segment)
{
    static uint8_t piece[PACKET_MAX]; /* guarded by LOCK_INJECT_IN */
    unsigned count;
    size_t mtu;
    int err = 0;

    if (!segment || len <= in->mtu)
        return deliver(packet, len, in, tag);
    mtu = mtu_on_the_way(packet, in);
    count = packet_segment_count(packet, len, mtu);
    if (count == 1) /* its headers leave no room */
        return deliver(packet, len, in, tag);
    for (unsigned i = 0; i < count && !err; i++)
        err = deliver(piece, packet_segment(packet, len, mtu, i, piece), in, tag);
    return err;
}

/*
 * If somebody removed the device or set it down, restores it. Returns whether it is usable again.
 */
static bool restore_device(int err, unsigned mark_shift)
{
    if (err == -EBADFD) {
        close_device();
        return ready(mark_shift) == 0;
    }
    return err == -EIO && configure(&tap) == 0;
}

int inject_incoming(const void *packet, size_t len, const struct interface *in, uint16_t tag,
                    unsigned mark_shift, bool segment)
{
    int err;

    process_lock(LOCK_INJECT_IN);
    err = ready(mark_shift);
    if (!err)
        err = deliver_all(packet, len, in, tag, segment);
    if (err && device_open && restore_device(err, mark_shift))
        err = deliver_all(packet, len, in, tag, segment);
    process_unlock(LOCK_INJECT_IN);
    /* A packet lost to a full queue is no error of the program's. */
    return err == -EAGAIN || err == -ENOBUFS ? 0 : err;
}

void inject_prepare(unsigned mark_shift)
{
    inject_out_prepare();
    process_lock(LOCK_INJECT_IN);
    open_device(mark_shift);
    process_unlock(LOCK_INJECT_IN);
}

void inject_in_close(void)
{
    process_lock(LOCK_INJECT_IN);
    close_device();
    process_unlock(LOCK_INJECT_IN);
}

void inject_close(void)
{
    inject_out_close();
    inject_in_close();
}
