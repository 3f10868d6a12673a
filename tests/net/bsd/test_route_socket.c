/* SPDX-License-Identifier: BSD-2-Clause */
/* What route(4) says about routing sockets, as far as they report on interfaces. */
#include "musl.h"
#include "wire.h"

#include <net/if.h>
#include <net/if_dl.h>
#include <net/route.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 10000

static union {
    struct if_msghdr link;
    struct ifa_msghdr address;
    struct if_announcemsghdr announcement;
    char bytes[2048];
} message;

static int routing_socket(int flags, int family)
{
    int fd = socket(PF_ROUTE, SOCK_RAW | flags, family);

    ck_assert_msg(fd >= 0, "expected a routing socket, got %s", strerror(errno));
    return fd;
}

static bool is_readable(int fd, int timeout)
{
    struct pollfd p = {fd, POLLIN, 0};

    return poll(&p, 1, timeout) == 1 && p.revents == POLLIN;
}

/* Reads the next message, and checks its type and length. */
static void expect(int fd, int type)
{
    ssize_t n;

    ck_assert_msg(is_readable(fd, TIMEOUT_MS), "expected a message of type %#x, got none", type);
    n = read(fd, &message, sizeof(message));
    ck_assert_msg(n > 0, "expected a message of type %#x, got %s", type, strerror(errno));
    ck_assert_int_eq(message.link.ifm_type, type);
    ck_assert_int_eq(message.link.ifm_version, RTM_VERSION);
    ck_assert_int_eq(message.link.ifm_msglen, n);
}

static void expect_silence(int fd)
{
    ck_assert_msg(!is_readable(fd, 0), "expected nothing to read");
    ck_assert_int_eq(recv(fd, &message, sizeof(message), MSG_DONTWAIT), -1);
    ck_assert_int_eq(errno, EAGAIN);
}

/* The address in the message just read, or NULL. */
static const void *address_in_message(int which)
{
    const char *p = (const char *)(&message.address + 1);

    if (!(message.address.ifam_addrs & (1 << which)))
        return NULL;
    for (int i = 0; i < which; i++) {
        if (message.address.ifam_addrs & (1 << i))
            p += SA_SIZE(p);
    }
    return p;
}

static void expect_inet(int which, const char *expected)
{
    const struct sockaddr_in *sin = address_in_message(which);

    ck_assert_msg(sin != NULL, "expected address %d in the message", which);
    ck_assert_int_eq(sin->sin_family, AF_INET);
    ck_assert_int_eq(sin->sin_len, sizeof(*sin));
    ck_assert_str_eq(inet_ntoa(sin->sin_addr), expected);
}

/* Turns on IPv6, with no addresses but those of the test. */
static void turn_on_ipv6(void)
{
    run("ip link set in0 addrgenmode none; sysctl -q -w net.ipv6.conf.in0.disable_ipv6=0");
}

START_TEST(test_addresses_are_reported)
{
    static const int types[] = {RTM_NEWADDR, RTM_DELADDR};
    int fd = routing_socket(0, 0);

    run("ip address add 10.9.8.7/20 broadcast 10.9.15.254 dev in0");
    run("ip address del 10.9.8.7/20 dev in0");
    for (int i = 0; i < 2; i++) {
        const struct sockaddr_dl *sdl;

        expect(fd, types[i]);
        ck_assert_int_eq(message.address.ifam_index, if_nametoindex("in0"));
        expect_inet(RTAX_NETMASK, "255.255.240.0");
        expect_inet(RTAX_IFA, "10.9.8.7");
        expect_inet(RTAX_BRD, "10.9.15.254");
        sdl = address_in_message(RTAX_IFP);
        ck_assert_int_eq(sdl->sdl_nlen, 3);
        ck_assert_int_eq(memcmp(sdl->sdl_data, "in0", 3), 0);
    }
    expect_silence(fd);
}
END_TEST

START_TEST(test_ipv6_addresses_are_reported)
{
    struct in6_addr expected;
    const struct sockaddr_in6 *sin6;
    int fd;

    turn_on_ipv6();
    fd = routing_socket(0, AF_INET6);
    inet_pton(AF_INET6, "2001:db8::7", &expected);
    run("ip address add 10.9.8.7/20 dev in0");
    run("ip address add 2001:db8::7/64 dev in0 nodad");
    expect(fd, RTM_NEWADDR);
    sin6 = address_in_message(RTAX_IFA);
    ck_assert_int_eq(sin6->sin6_family, AF_INET6);
    ck_assert_int_eq(memcmp(&sin6->sin6_addr, &expected, sizeof(expected)), 0);
    expect_silence(fd);
}
END_TEST

START_TEST(test_mtu_and_flags_are_reported)
{
    int fd = routing_socket(0, AF_INET);

    run("ip link set in0 mtu 1234");
    expect(fd, RTM_IFINFO);
    ck_assert_int_eq(message.link.ifm_index, if_nametoindex("in0"));
    ck_assert_uint_eq(message.link.ifm_data.ifi_mtu, 1234);
    ck_assert_int_eq(message.link.ifm_flags & IFF_UP, IFF_UP);
}
END_TEST

START_TEST(test_removed_interface_is_reported)
{
    int fd, index;

    run("ip link add gone0 type veth peer name gone1");
    index = (int)if_nametoindex("gone0");
    fd = routing_socket(0, 0);
    run("ip link del gone0");
    do {
        ck_assert(is_readable(fd, TIMEOUT_MS));
        ck_assert_int_gt(read(fd, &message, sizeof(message)), 0);
    } while (message.link.ifm_type != RTM_IFANNOUNCE || message.announcement.ifan_index != index);
    ck_assert_int_eq(message.announcement.ifan_what, IFAN_DEPARTURE);
    ck_assert_str_eq(message.announcement.ifan_name, "gone0");
}
END_TEST

/* The kernel's socket is readable, but a blocking read would find nothing to report. */
START_TEST(test_unreported_changes_do_not_wake)
{
    int fd;

    run("ip link add name port0 type veth peer name port1");
    run("ip link add bridge0 type bridge; ip link set port0 master bridge0");
    fd = routing_socket(0, 0);
    run("bridge link set dev port0 cost 5"); /* reported in the same kind of message as a link */
    run("ip neighbour add 10.1.0.77 lladdr 02:00:00:00:00:01 dev in0");
    run("ip route add 10.77.0.0/16 dev in0");
    run("ip rule add from 10.77.0.0/16 table 77");
    run("sysctl -q -w net.ipv4.conf.in0.forwarding=0");
    expect_silence(fd);
}
END_TEST

START_TEST(test_family_chooses_the_addresses)
{
    int fd;

    turn_on_ipv6();
    fd = routing_socket(0, AF_INET);
    run("ip address add 2001:db8::7/64 dev in0 nodad");
    expect_silence(fd);
    run("ip address add 10.9.8.7/32 dev in0");
    expect(fd, RTM_NEWADDR);
    expect_inet(RTAX_NETMASK, "255.255.255.255");
}
END_TEST

START_TEST(test_waiting_in_select_and_epoll)
{
    int fd = routing_socket(0, AF_INET), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    struct timeval none = {0, 0}, timeout = {TIMEOUT_MS / 1000, 0};
    fd_set readable;

    ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    ck_assert_int_eq(select(fd + 1, &readable, NULL, NULL, &none), 0);

    run("ip address add 10.9.8.7/20 dev in0");
    FD_SET(fd, &readable);
    ck_assert_int_eq(select(fd + 1, &readable, NULL, NULL, &timeout), 1);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, TIMEOUT_MS), 1);
    expect(fd, RTM_NEWADDR);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
}
END_TEST

START_TEST(test_beside_a_divert_socket)
{
    int fd = routing_socket(0, AF_INET), divert = divert_bound(PORT);
    struct pollfd fds[2] = {{fd, POLLIN, 0}, {divert, POLLIN, 0}};

    ck_assert_int_eq(poll(fds, 2, 0), 0);
    run("ip address add 10.9.8.7/20 dev in0");
    ck_assert_int_eq(poll(fds, 2, TIMEOUT_MS), 1);
    ck_assert_int_eq(fds[0].revents, POLLIN);
    ck_assert_int_eq(fds[1].revents, 0);
    expect(fd, RTM_NEWADDR);
}
END_TEST

START_TEST(test_nonblocking)
{
    int fd = routing_socket(SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(read(fd, &message, sizeof(message)), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    fd = routing_socket(0, 0);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(read(fd, &message, sizeof(message)), -1);
    ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

START_TEST(test_short_reads_peeks_and_fionread)
{
    int fd = routing_socket(0, AF_INET), len = -1;
    struct sockaddr from;
    socklen_t from_len = sizeof(from);
    struct iovec parts[2] = {{&message, 4}, {message.bytes + 4, 12}};

    ck_assert_int_eq(ioctl(fd, FIONREAD, &len), 0);
    ck_assert_int_eq(len, 0);
    run("ip link set in0 mtu 1234; ip link set in0 mtu 1235; ip link set in0 mtu 1236");
    ck_assert(is_readable(fd, TIMEOUT_MS));
    ck_assert_int_eq(ioctl(fd, FIONREAD, &len), 0);
    ck_assert_int_eq(recv(fd, &message, sizeof(message), MSG_PEEK), len);
    ck_assert_int_eq(message.link.ifm_msglen, len);
    ck_assert_uint_eq(message.link.ifm_data.ifi_mtu, 1234);
    ck_assert_int_eq(recvfrom(fd, &message, sizeof(message.link), 0, &from, &from_len),
                     sizeof(message.link));
    ck_assert_int_eq(from.sa_family, AF_ROUTE);
    ck_assert_uint_eq(message.link.ifm_data.ifi_mtu, 1234);
    ck_assert_int_eq(readv(fd, parts, 2), 16); /* the rest is discarded */
    ck_assert_int_eq(message.link.ifm_index, if_nametoindex("in0"));
    expect(fd, RTM_IFINFO);
    ck_assert_uint_eq(message.link.ifm_data.ifi_mtu, 1236);
    expect_silence(fd);
}
END_TEST

/* What read() and the like become with _FORTIFY_SOURCE. */
ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags, struct sockaddr *from,
                       socklen_t *from_len);

START_TEST(test_other_ways_to_read)
{
    int fd = routing_socket(0, AF_INET);
    struct iovec iov = {&message, sizeof(message)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr messages = {.msg_hdr = msg};
    size_t len = sizeof(message);

    run("for mtu in 1231 1232 1233 1234; do ip link set in0 mtu $mtu; done");
    ck_assert(is_readable(fd, TIMEOUT_MS));
    ck_assert_int_eq(recvmmsg(fd, &messages, 1, 0, NULL), -1);
    ck_assert_int_eq(errno, EOPNOTSUPP);
    ck_assert_int_gt(__read_chk(fd, &message, len, len), 0);
    ck_assert_uint_eq(message.link.ifm_data.ifi_mtu, 1231);
    ck_assert_int_gt(__recv_chk(fd, &message, len, len, 0), 0);
    ck_assert_uint_eq(message.link.ifm_data.ifi_mtu, 1232);
    ck_assert_int_gt(__recvfrom_chk(fd, &message, len, len, 0, NULL, NULL), 0);
    ck_assert_uint_eq(message.link.ifm_data.ifi_mtu, 1233);
    ck_assert_int_gt(recvmsg(fd, &msg, 0), 0);
    ck_assert_uint_eq(message.link.ifm_data.ifi_mtu, 1234);
    expect_silence(fd);
}
END_TEST

START_TEST(test_copies_and_children)
{
    int fd = routing_socket(0, AF_INET), copy = dup(fd), status;
    pid_t child;

    ck_assert_int_eq(fcntl(copy, F_DUPFD, 200), 200);
    ck_assert_int_eq(dup2(200, 201), 201);
    close(fd);
    close(copy);
    closefrom(202);
    run("ip address add 10.9.8.7/20 dev in0; ip address del 10.9.8.7/20 dev in0");
    expect(201, RTM_NEWADDR);
    child = fork();
    if (child == 0) {
        bool right =
            read(200, &message, sizeof(message)) > 0 && message.link.ifm_type == RTM_DELADDR;

        _exit(right ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    expect_silence(200);
}
END_TEST

/* The number may then belong to any other descriptor. */
START_TEST(test_closed_descriptor_is_forgotten)
{
    int fd = routing_socket(0, 0), ends[2];
    char text[4];

    close_range((unsigned)fd, (unsigned)fd, 0);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(ends[0], fd);
    ck_assert_int_eq(write(ends[1], "abc", 3), 3);
    ck_assert_int_eq(read(ends[0], text, sizeof(text)), 3);
    fd = routing_socket(0, 0);
    ck_assert_int_eq(dup2(ends[0], fd), fd);
    ck_assert_int_eq(write(ends[1], "abc", 3), 3);
    ck_assert_int_eq(read(fd, text, sizeof(text)), 3);
}
END_TEST

START_TEST(test_unsupported_calls_are_refused)
{
    int fd = routing_socket(0, 0), size = 100000;

    ck_assert_int_eq(write(fd, &message, sizeof(struct rt_msghdr)), -1);
    ck_assert_int_eq(errno, EOPNOTSUPP);
    ck_assert_int_eq(send(fd, &message, sizeof(struct rt_msghdr), 0), -1);
    ck_assert_int_eq(errno, EOPNOTSUPP);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    ck_assert_int_eq(socket(PF_ROUTE, SOCK_STREAM, 0), -1);
    ck_assert_int_eq(errno, EPROTOTYPE);
    ck_assert_int_eq(socket(PF_ROUTE, SOCK_RAW, 77), -1);
    ck_assert_int_eq(errno, EPROTONOSUPPORT);
}
END_TEST

/* Linux's AF_ROUTE is another name of AF_NETLINK: programs that mean that get it. */
START_TEST(test_netlink_sockets_are_left_alone)
{
    int fd = socket(AF_NETLINK, SOCK_RAW, 0), protocol;
    socklen_t len = sizeof(protocol);

    ck_assert_int_ne(AF_ROUTE, AF_NETLINK);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &protocol, &len), 0);
    ck_assert_int_eq(protocol, AF_NETLINK);
    ck_assert_int_eq(write(fd, "", 1), 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_addresses_are_reported,
        test_ipv6_addresses_are_reported,
        test_mtu_and_flags_are_reported,
        test_removed_interface_is_reported,
        test_unreported_changes_do_not_wake,
        test_family_chooses_the_addresses,
        test_waiting_in_select_and_epoll,
        test_beside_a_divert_socket,
        test_nonblocking,
        test_short_reads_peeks_and_fionread,
        test_other_ways_to_read,
        test_copies_and_children,
        test_closed_descriptor_is_forgotten,
        test_unsupported_calls_are_refused,
        test_netlink_sockets_are_left_alone,
    };

    return run_suite("routing sockets", tests, sizeof(tests) / sizeof(tests[0]));
}
