/* SPDX-License-Identifier: BSD-2-Clause */
/* A host with two wires in a network namespace, and the test suites that run on it. */
#include "wire.h"

#include "packet/packet.h"
#include "runner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WIRE_IPV6
#define NODAD              " nodad"
#define BARE_HEADER(total) 0x60, 0, 0, 0, 0, (total)-HEADER, 253, 1
#else
#define NODAD              ""
#define BARE_HEADER(total) 0x45, 0, 0, (total), 0, 0, 0, 0, 1, 253
#endif

/* The protocols received on the wires. */
#ifdef WIRE_BOTH
#define HEARD ETH_P_ALL
#elif defined(WIRE_IPV6)
#define HEARD ETH_P_IPV6
#else
#define HEARD ETH_P_IP
#endif

#define LOOK_MS     20
#define DIVERTS_MAX 64
#define TIMEOUT_MS  30000 /* the machine may be busy; only a failure takes that long */

struct wire in0, out0;

static int divert[DIVERTS_MAX], diverts; /* those that divert_socket() made */

static const char sentinel[] = "sentinel";

static void skip(const char *why)
{
    printf("SKIP: %s: %s\n", why, strerror(errno));
    fflush(stdout);
    _exit(77);
}

void run(const char *format, ...)
{
    char command[1024];
    va_list args;
    int status;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    status = system(command);
    ck_assert_msg(status == 0, "expected '%s' to succeed, status %d", command, status);
}

/* Whether the table of routes has that of the address itself. */
static bool has_route6(const struct in6_addr *address, const char *name)
{
    FILE *routes = fopen("/proc/net/ipv6_route", "re");
    char wanted[40], line[256], destination[40], device[IF_NAMESIZE];
    unsigned len;
    bool found = false;

    ck_assert_ptr_nonnull(routes);
    for (int i = 0; i < 16; i++)
        snprintf(wanted + 2 * i, 3, "%02x", address->s6_addr[i]);
    while (!found && fgets(line, sizeof(line), routes))
        found = sscanf(line, "%32s %x %*s %*s %*s %*s %*s %*s %*s %15s", destination, &len,
                       device) == 3 &&
                len == 128 && strcmp(destination, wanted) == 0 && strcmp(device, name) == 0;
    fclose(routes);
    return found;
}

void wire_wait_address6(const char *address, const char *name)
{
    struct in6_addr binary;
    int waited = 0;

    ck_assert_int_eq(inet_pton(AF_INET6, address, &binary), 1);
    for (; !has_route6(&binary, name); waited++) {
        ck_assert_msg(waited < TIMEOUT_MS, "expected a route for %s on %s", address, name);
        usleep(1000);
    }
}

static int namespace_enter(void)
{
    if (unshare(CLONE_NEWNET) < 0)
        skip("a network namespace");
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int packet_socket(const char *name, uint8_t mac[6])
{
    struct ifreq request = {0};
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(HEARD)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), bytes = 64 << 20;

    ck_assert_int_ge(fd, 0);
    address.sll_ifindex = (int)if_nametoindex(name);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    ck_assert_int_eq(ioctl(fd, SIOCGIFHWADDR, &request), 0);
    memcpy(mac, request.ifr_hwaddr.sa_data, 6);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Options of ip(8) for a wire; %s is the namespace of its far end. */
#define WIRE(name, number, address, peer)                                                \
    "link add " name " address 02:00:00:00:00:" number "1 type veth peer name far-" name \
    " address 02:00:00:00:00:" number "2 netns %s\n"                                     \
    "address add " address "/" LINK_LEN " dev " name NODAD "\n"                          \
    "link set " name " up\n"                                                             \
    "neighbour add " peer " lladdr 02:00:00:00:00:" number "2 dev " name "\n"

static void make_wires(int near, int far)
{
    char far_end[64];

    snprintf(far_end, sizeof(far_end), "/proc/%d/fd/%d", getpid(), far);
    run("ip -batch - <<'END'\nlink set lo up\n" WIRE("in0", "1", IN_ADDRESS, IN_PEER)
            WIRE("out0", "2", OUT_ADDRESS, OUT_PEER) "END",
        far_end, far_end);
    ck_assert_int_eq(setns(far, CLONE_NEWNET), 0);
    run("ip -batch - <<'END'\nlink set far-in0 up\nlink set far-out0 up\nEND");
    in0.fd = packet_socket("far-in0", in0.far_mac);
    out0.fd = packet_socket("far-out0", out0.far_mac);
    ck_assert_int_eq(setns(near, CLONE_NEWNET), 0);
#ifdef WIRE_IPV6
    wire_wait_address6(IN_ADDRESS, "in0");
    wire_wait_address6(OUT_ADDRESS, "out0");
#endif
    in0.near_fd = packet_socket("in0", in0.near_mac);
    out0.near_fd = packet_socket("out0", out0.near_mac);
}

static void send_frame(int fd, const uint8_t *to, const uint8_t *from, const void *packet,
                       size_t len)
{
    uint8_t frame[ETH_HLEN + 65536];
    unsigned type;

    memcpy(frame, to, 6);
    memcpy(frame + 6, from, 6);
    type = packet_version(packet, len) == 6 ? ETH_P_IPV6 : ETH_P_IP;
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    memcpy(frame + ETH_HLEN, packet, len);
    ck_assert_int_eq(send(fd, frame, ETH_HLEN + len, 0), (ssize_t)(ETH_HLEN + len));
}

static void drain(int fd)
{
    char byte;

    while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0) {
        /* on to the next */
    }
}

/* A link that was just set up drops packets until the kernel has noticed, at a time of its own. */
static void wait_for_link(int from, int to, const uint8_t *to_mac, const uint8_t *from_mac)
{
    static const uint8_t packet[HEADER] = {BARE_HEADER(HEADER)};
    struct pollfd p = {.fd = to, .events = POLLIN};
    int waited = 0;

    do {
        send_frame(from, to_mac, from_mac, packet, sizeof(packet));
        waited += LOOK_MS;
    } while (poll(&p, 1, LOOK_MS) == 0 && waited < TIMEOUT_MS);
    ck_assert_msg(poll(&p, 1, 0) == 1, "expected the link to come up");
    drain(from);
    drain(to);
}

static void wait_for_wire_up(struct wire *w)
{
    wait_for_link(w->near_fd, w->fd, w->far_mac, w->near_mac);
    wait_for_link(w->fd, w->near_fd, w->near_mac, w->far_mac);
}

/* Writes a setting below /proc/sys/net. */
static void set_in_kernel(const char *name, const char *value)
{
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0 && write(fd, value, strlen(value)) > 0, "expected to write %s to %s",
                  value, path);
    close(fd);
}

/* Allows IPv6, but only with the addresses given, and only with the packets sent. */
static void allow_ipv6(void)
{
#if defined(WIRE_IPV6) || defined(WIRE_BOTH)
    static const char *const settings[][2] = {
        {"all/forwarding", "1"},       {"default/addr_gen_mode", "1"},
        {"default/accept_ra", "0"},    {"default/keep_addr_on_down", "1"},
        {"default/disable_ipv6", "0"}, {"lo/disable_ipv6", "0"},
    };

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        char name[64];

        snprintf(name, sizeof(name), "ipv6/conf/%s", settings[i][0]);
        set_in_kernel(name, settings[i][1]);
    }
    run("ip6tables -t raw -A OUTPUT -p icmpv6 --icmpv6-type 143 -j DROP"); /* multicast listener */
#endif
}

void wires_make(void)
{
    int far = namespace_enter(), near;

    /* The far end must not send packets of its own. */
    set_in_kernel("ipv6/conf/default/disable_ipv6", "1");
    near = namespace_enter();
    set_in_kernel("ipv6/conf/default/disable_ipv6", "1");
    set_in_kernel("ipv4/ip_forward", "1");
    allow_ipv6();
    make_wires(near, far);
    wait_for_wire_up(&in0);
    wait_for_wire_up(&out0);
    close(near);
    close(far);
}

void divert_incoming(int port)
{
    run(IPTABLES " -t raw -A PREROUTING -i in0 -j NFQUEUE --queue-num %d", port);
}

void divert_outgoing(int port)
{
    run(IPTABLES " -t mangle -A POSTROUTING -o out0 -j NFQUEUE --queue-num %d", port);
}

void wire_send(struct wire *w, const void *packet, size_t len)
{
    send_frame(w->fd, w->near_mac, w->far_mac, packet, len);
}

static void wait_readable(int fd, const char *what)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    ck_assert_msg(poll(&p, 1, TIMEOUT_MS) == 1, "expected %s, nothing came", what);
}

/*
 * Programs wait on their divert sockets all the time. With rules by hand, an injected packet that
 * the kernel queued late goes on only then.
 */
static void wait_for_wire(struct wire *w)
{
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    char byte;

    for (int waited = 0; waited < TIMEOUT_MS && poll(&p, 1, LOOK_MS) == 0; waited += LOOK_MS)
        for (int i = 0; i < diverts; i++)
            recv(divert[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    ck_assert_msg(poll(&p, 1, 0) == 1, "expected a packet on the wire, nothing came");
}

/*
 * What the host sends unasked: multicast listener reports and neighbour discovery, and all but IP.
 */
static bool is_chatter(const uint8_t *frame, size_t len)
{
    const uint8_t *packet = frame + ETH_HLEN;
    unsigned type = (unsigned)(frame[12] << 8 | frame[13]);
    size_t at = 40;

    if (type != ETH_P_IPV6)
        return type != ETH_P_IP;
    if (packet[6] == IPPROTO_HOPOPTS)
        at += 8;
    else if (packet[6] != IPPROTO_ICMPV6)
        return false;
    return at < len && packet[at] >= 130 && packet[at] <= 143;
}

size_t wire_receive(struct wire *w, void *packet, size_t room)
{
    uint8_t frame[ETH_HLEN + 65536];

    for (;;) {
        struct sockaddr_ll from;
        socklen_t size = sizeof(from);
        ssize_t n;

        wait_for_wire(w);
        n = recvfrom(w->fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &size);
        ck_assert_int_ge(n, ETH_HLEN);
        if (from.sll_pkttype == PACKET_OUTGOING)
            continue;
        n -= ETH_HLEN;
        if (is_chatter(frame, (size_t)n))
            continue;
        memcpy(packet, frame + ETH_HLEN, (size_t)n < room ? (size_t)n : room);
        return (size_t)n;
    }
}

static void blank_what_routers_change(uint8_t *packet)
{
    if (packet_version(packet, 1) == 6) {
        packet[7] = 0;
        return;
    }
    packet[8] = 0;
    packet[10] = packet[11] = 0;
}

static void expect(struct wire *w, const void *packet, size_t len, bool any_id)
{
    uint8_t got[65536], expected[65536];
    size_t n = wire_receive(w, got, sizeof(got));

    memcpy(expected, packet, len);
    blank_what_routers_change(got);
    blank_what_routers_change(expected);
    if (any_id && FAMILY == AF_INET)
        memcpy(expected + 4, got + 4, 2);
    ck_assert_uint_eq(n, len);
    ck_assert_mem_eq(got, expected, len);
}

void wire_expect(struct wire *w, const void *packet, size_t len)
{
    expect(w, packet, len, false);
}

void wire_expect_with_any_id(struct wire *w, const void *packet, size_t len)
{
    expect(w, packet, len, true);
}

/* The length of the header of a fragment of this packet, which is checked. */
#ifdef WIRE_IPV6
static size_t fragment_header(const uint8_t *packet, const uint8_t *got, size_t header,
                              uint8_t first_option, size_t *offset, bool *more)
{
    const uint8_t *fragment = got + header, *next = header > HEADER ? got + HEADER : got + 6;
    static uint8_t id[4];

    ck_assert_mem_eq(got, packet, 4);
    ck_assert_uint_eq(*next, IPPROTO_FRAGMENT);
    ck_assert_uint_eq(fragment[0], packet[next - got]);
    if (header > HEADER)
        ck_assert_uint_eq(got[HEADER + 2], first_option);
    *offset = (size_t)(fragment[2] << 8 | (fragment[3] & 0xf8));
    *more = fragment[3] & 1;
    if (*offset)
        ck_assert_mem_eq(fragment + 4, id, sizeof(id));
    memcpy(id, fragment + 4, sizeof(id));
    return header + 8;
}
#else
static size_t fragment_header(const uint8_t *packet, const uint8_t *got, size_t header,
                              uint8_t first_option, size_t *offset, bool *more)
{
    uint16_t field = (uint16_t)(got[6] << 8 | got[7]);

    ck_assert_mem_eq(got + 4, packet + 4, 2);
    ck_assert_uint_eq((size_t)(got[0] & 15) * 4, header);
    if (header > HEADER)
        ck_assert_uint_eq(got[HEADER], first_option);
    *offset = (size_t)(field & IP_OFFMASK) * 8;
    *more = field & IP_MF;
    return header;
}
#endif

void wire_expect_fragments(struct wire *w, const uint8_t *packet, size_t len, size_t mtu,
                           size_t header, uint8_t first_option)
{
    static uint8_t whole[65536], got[65536];
    size_t at = 0, own;
    bool more = true;

    while (more) {
        size_t n = wire_receive(w, got, sizeof(got)), offset;

        ck_assert_uint_le(n, mtu);
        ck_assert(packet_header_checksum_ok(got));
        own = fragment_header(packet, got, header, first_option, &offset, &more);
        ck_assert_uint_eq(offset, at);
        memcpy(whole + at, got + own, n - own);
        at += n - own;
    }
    ck_assert_uint_eq(at, len - header);
    ck_assert_mem_eq(whole, packet + header, at);
    wire_expect_silence(w);
}

/* What was sent earlier is there before the sentinel: the kernel delivers within our own calls. */
void wire_expect_silence(struct wire *w)
{
    uint8_t got[65536], packet[HEADER + sizeof(sentinel)] = {BARE_HEADER(sizeof(packet))};
    size_t n;

    memcpy(packet + HEADER, sentinel, sizeof(sentinel));
    send_frame(w->near_fd, w->far_mac, w->near_mac, packet, sizeof(packet));
    n = wire_receive(w, got, sizeof(got));
    ck_assert_msg(n == sizeof(packet) && memcmp(got + HEADER, sentinel, sizeof(sentinel)) == 0,
                  "expected nothing on the wire, got a packet of %zu bytes, protocol %d", n,
                  got[FAMILY == AF_INET ? 9 : 6]);
}

int divert_socket(void)
{
    int fd = socket(FAMILY, SOCK_RAW, IPPROTO_DIVERT);

    ck_assert_msg(fd >= 0, "expected a divert socket: %s", strerror(errno));
    if (diverts < DIVERTS_MAX)
        divert[diverts++] = fd;
    return fd;
}

int divert_bound(int port)
{
    wire_address any = address_make(ANY, htons((uint16_t)port));
    int fd = divert_socket();

    ck_assert_msg(bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0, "expected port %d: %s", port,
                  strerror(errno));
    return fd;
}

size_t divert_read(int fd, void *packet, size_t room, wire_address *from)
{
    socklen_t size = sizeof(*from);
    ssize_t n;

    wait_readable(fd, "a diverted packet");
    n = recvfrom(fd, packet, room, 0, (struct sockaddr *)from, from ? &size : NULL);
    ck_assert_msg(n > 0, "expected a diverted packet: %s", strerror(errno));
    return (size_t)n;
}

void divert_write(int fd, const void *packet, size_t len, const wire_address *to)
{
    ssize_t n = sendto(fd, packet, len, 0, (const struct sockaddr *)to, to ? sizeof(*to) : 0);

    ck_assert_msg(n == (ssize_t)len, "expected %zu bytes written, got %zd: %s", len, n,
                  strerror(errno));
}

bool divert_silent(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

int divert_ready(void)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    return fd;
}

unsigned queue_waiting(int port)
{
    FILE *f = fopen("/proc/self/net/netfilter/nfnetlink_queue", "r");
    unsigned number, owner, waiting, found = 0;
    char line[256];

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%u %u %u", &number, &owner, &waiting) == 3 && (int)number == port)
            found = waiting;
    }
    fclose(f);
    return found;
}

int run_suite(const char *name, const TTest *const *tests, size_t count)
{
    return run_suite_with(name, tests, count, 1);
}

static unsigned timeout_s = 60; /* time limit of a test */

int run_suite_for(const char *name, const TTest *const *tests, size_t count, unsigned seconds)
{
    timeout_s = seconds;
    return run_suite(name, tests, count);
}

int run_suite_with(const char *name, const TTest *const *tests, size_t count, int variants)
{
    struct runner runner;

    if (geteuid() != 0) {
        printf("SKIP: network namespaces need root\n");
        return 77;
    }
    runner = runner_make(name, wires_make, NULL, timeout_s);
    for (size_t i = 0; i < count; i++)
        runner_add(&runner, tests[i], variants);
    return runner_run(&runner);
}
