/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is peculiar to IPv6: link-local addresses, extension headers, and fragments that only a
 * sender makes. Both wires have the same link-local addresses, fe80::1 here and fe80::2 at the far
 * end.
 */
#include "make_packet.h"
#include "packet/packet.h"
#include "wire.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HERE  "fe80::1"
#define THERE "fe80::2"

static uint8_t packet[4000], got[4000];
static size_t len;
static wire_address from;

static void add_link_local(const char *name, const struct wire *w)
{
    const uint8_t *mac = w->far_mac;

    run("ip address add " HERE "/64 dev %s nodad", name);
    wire_wait_address6(HERE, name);
    run("ip neighbour add " THERE " lladdr %02x:%02x:%02x:%02x:%02x:%02x dev %s", mac[0], mac[1],
        mac[2], mac[3], mac[4], mac[5], name);
}

static void add_link_locals(void)
{
    add_link_local("in0", &in0);
    add_link_local("out0", &out0);
}

static void make(const char *source, const char *destination)
{
    len = make_udp(packet, source, 1111, destination, 2222, 77, "x", 1);
}

static wire_address scoped(const char *text, const char *interface)
{
    wire_address a = address_make(text, 0);

    a.sin6_scope_id = interface ? if_nametoindex(interface) : 0;
    return a;
}

static void expect_datagram_from(int udp, const char *interface)
{
    struct pollfd p = {.fd = udp, .events = POLLIN};
    socklen_t size = sizeof(from);

    ck_assert_int_eq(poll(&p, 1, 10000), 1);
    ck_assert_int_eq(recvfrom(udp, got, sizeof(got), 0, (struct sockaddr *)&from, &size), 1);
    ck_assert_uint_eq(from.sin6_scope_id, if_nametoindex(interface));
}

START_TEST(test_address_is_global_if_there_is_one)
{
    int fd = divert_bound(PORT);

    add_link_locals();
    divert_incoming(PORT);
    make(IN_PEER, OUT_PEER);
    wire_send(&in0, packet, len);
    divert_read(fd, got, sizeof(got), &from);
    ck_assert_str_eq(address_text(&from), IN_ADDRESS);
    ck_assert_uint_eq(from.sin6_scope_id, 0);
}
END_TEST

START_TEST(test_link_local_address_comes_with_its_scope)
{
    int fd = divert_bound(PORT);

    add_link_locals();
    run("ip -6 address del " IN_ADDRESS "/64 dev in0");
    divert_incoming(PORT);
    make(IN_PEER, OUT_PEER);
    wire_send(&in0, packet, len);
    divert_read(fd, got, sizeof(got), &from);
    ck_assert_str_eq(address_text(&from), HERE);
    ck_assert_uint_eq(from.sin6_scope_id, if_nametoindex("in0"));
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_link_local_packet_goes_through)
{
    int fd = divert_bound(PORT), udp = udp_socket(2222);

    add_link_locals();
    divert_incoming(PORT);
    make(THERE, HERE);
    for (int i = 0; i < 2; i++) {
        wire_send(&in0, packet, len);
        divert_read(fd, got, sizeof(got), &from);
        divert_write(fd, got, len, &from);
        expect_datagram_from(udp, "in0");
    }
}
END_TEST

static const char *const links[] = {"in0", "out0"};

START_TEST(test_injected_link_local_packet_arrives_on_its_link)
{
    int fd = divert_socket(), udp = udp_socket(2222);
    wire_address to = scoped(HERE, links[_i]);

    add_link_locals();
    make(THERE, HERE);
    divert_write(fd, packet, len, &to);
    expect_datagram_from(udp, links[_i]);
}
END_TEST

START_TEST(test_link_local_address_of_another_link_is_not_available)
{
    int fd = divert_socket();
    wire_address to = scoped(HERE, "out0");

    add_link_local("in0", &in0);
    make(THERE, HERE);
    ck_assert_int_eq(sendto(fd, packet, len, 0, (struct sockaddr *)&to, sizeof(to)), -1);
    ck_assert_int_eq(errno, EADDRNOTAVAIL);
    to.sin6_scope_id = 0;
    divert_write(fd, packet, len, &to);
}
END_TEST

START_TEST(test_address_without_a_scope_field)
{
    int fd = divert_socket(), udp = udp_socket(2222);
    wire_address to = address_make(IN_ADDRESS, 0);
    const socklen_t size = sizeof(to) - sizeof(to.sin6_scope_id);

    make(IN_PEER, IN_ADDRESS);
    ck_assert_int_eq(sendto(fd, packet, len, 0, (struct sockaddr *)&to, size), (ssize_t)len);
    ck_assert_int_eq(recv(udp, got, sizeof(got), 0), 1);
    ck_assert_int_eq(sendto(fd, packet, len, 0, (struct sockaddr *)&to, size - 1), -1);
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* The scope of in6addr_any chooses the link; without one, the link of the source is used. */
START_TEST(test_outgoing_link_local_packet_leaves_by_its_link)
{
    struct wire *wires[] = {&in0, &out0};
    wire_address to = scoped(ANY, links[_i]);
    int fd = divert_socket();

    add_link_locals();
    make(HERE, THERE);
    divert_write(fd, packet, len, &to);
    wire_expect(wires[_i], packet, len);
    make(_i ? OUT_ADDRESS : IN_ADDRESS, THERE);
    divert_write(fd, packet, len, NULL);
    wire_expect(wires[_i], packet, len);
    wire_expect_silence(wires[!_i]);
}
END_TEST

START_TEST(test_new_link_local_destination_is_on_the_same_link)
{
    int fd = divert_bound(PORT);

    add_link_locals();
    divert_outgoing(PORT);
    udp_send(udp_socket(0), OUT_PEER, 2222, "x", 1);
    divert_read(fd, got, sizeof(got), &from);
    make(HERE, THERE);
    divert_write(fd, packet, len, &from);
    wire_expect(&out0, packet, len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

/* ---- extension headers ---- */

static const uint8_t options[] = {0, 0, 1, 4, 0, 0, 0, 0}; /* padding */

static void insert(uint8_t type, const uint8_t *bytes, size_t size)
{
    len = insert_header(packet, len, type, bytes, size);
}

/* Inserts hop-by-hop options, destination options, and a routing header that has been used up. */
static void insert_headers(void)
{
    uint8_t routing[24] = {0, 2, 0, 0};

    insert(IPPROTO_ROUTING, routing, sizeof(routing));
    insert(IPPROTO_DSTOPTS, options, sizeof(options));
    insert(IPPROTO_HOPOPTS, options, sizeof(options));
}

/* With rewritten addresses it is written back as a verdict: the mark of the queue is on it. */
START_TEST(test_rewritten_packet_with_extension_headers_is_recognised)
{
    int fd = divert_bound(PORT);

    run("ip6tables -t raw -A PREROUTING -j MARK --set-mark 7");
    run("ip6tables -A FORWARD -m mark ! --mark 7 -j DROP");
    divert_incoming(PORT);
    make(IN_PEER, OUT_PEER);
    insert_headers();
    wire_send(&in0, packet, len);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    ck_assert_mem_eq(got, packet, len);
    make(IN_OTHER, OUT_PEER);
    insert_headers();
    divert_write(fd, packet, len, &from);
    wire_expect(&out0, packet, len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_outgoing_ipv6_fragment_stays_a_fragment)
{
    const uint8_t fragment[8] = {0, 0, 0, 0x51, 1, 2, 3, 4};

    make(OUT_ADDRESS, OUT_PEER);
    insert(IPPROTO_FRAGMENT, fragment, sizeof(fragment));
    divert_write(divert_socket(), packet, len, NULL);
    wire_expect(&out0, packet, len);
}
END_TEST

/* ---- above the MTU ---- */

START_TEST(test_forwarded_packet_that_outgrows_the_mtu_is_fragmented)
{
    static const uint8_t payload[3000];
    int fd = divert_bound(PORT);

    divert_outgoing(PORT);
    make(IN_PEER, OUT_PEER);
    wire_send(&in0, packet, len);
    divert_read(fd, got, sizeof(got), &from);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, sizeof(payload));
    divert_write(fd, packet, len, &from);
    wire_expect_fragments(&out0, packet, len, 1500, HEADER, 0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_large_datagram_of_the_host_goes_on_as_it_is)
{
    static const uint8_t payload[3000];
    int fd = divert_bound(PORT);

    divert_outgoing(PORT);
    udp_send(udp_socket(0), OUT_PEER, 2222, payload, sizeof(payload));
    len = divert_read(fd, packet, sizeof(packet), &from);
    ck_assert_uint_eq(len, HEADER + 8 + sizeof(payload));
    divert_write(fd, packet, len, &from);
    wire_expect_fragments(&out0, packet, len, 1500, HEADER, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_address_is_global_if_there_is_one,
        test_link_local_address_comes_with_its_scope,
        test_link_local_packet_goes_through,
        test_link_local_address_of_another_link_is_not_available,
        test_address_without_a_scope_field,
        test_new_link_local_destination_is_on_the_same_link,
        test_rewritten_packet_with_extension_headers_is_recognised,
        test_outgoing_ipv6_fragment_stays_a_fragment,
        test_forwarded_packet_that_outgrows_the_mtu_is_fragmented,
        test_large_datagram_of_the_host_goes_on_as_it_is,
    };
    const TTest *const on_each_link[] = {
        test_injected_link_local_packet_arrives_on_its_link,
        test_outgoing_link_local_packet_leaves_by_its_link,
    };
    int failed = run_suite("IPv6", tests, sizeof(tests) / sizeof(tests[0]));

    if (failed == 77)
        return failed;
    return failed | run_suite_with("IPv6, each link", on_each_link, 2, 2);
}
