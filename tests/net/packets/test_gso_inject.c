/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that were read large (DIVERTSHIM_GSO=1), and are written so that no verdict can send
 * them.
 */
#include "large.h"
#include "make_packet.h"
#include "packet/packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PAYLOAD 20000 /* bytes, of TCP */
#define PIECE   1400  /* of a segment */
#define TCP     20    /* bytes of its header */

static uint8_t packet[65536], got[65536];
static size_t len;
static wire_address from;

static void allow_any_way_back(void)
{
    run("for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done");
}

/* Sends a large packet through the host and reads it, with its checksum complete. */
static void read_large(int fd)
{
    len = make_tcp(packet, IN_PEER, OUT_PEER, PAYLOAD);
    wire_send_large(&in0, packet, len, PIECE);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    ck_assert_uint_eq(transport_checksum(got, len), 0);
}

static int outgoing_ready(void)
{
    int fd = divert_bound(PORT);

    divert_outgoing(PORT);
    return fd;
}

/* Another interface's address and, where there is a place for it, name. */
static wire_address incoming_on(const char *address, const char *name)
{
    wire_address to = address_make(address, 0);

#ifdef WIRE_IPV6
    (void)name;
#else
    strcpy((char *)to.sin_zero, name);
#endif
    return to;
}

/* Writes it there and expects that it leaves in segments, and leaves nothing in the queue. */
static void expect_cut(int fd, const wire_address *to)
{
    divert_write(fd, got, len, to);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    wire_expect_segments(&out0, got, len, 1500);
}

START_TEST(test_incoming_on_another_interface)
{
    int fd = divert_ready();
    wire_address to = incoming_on(OUT_ADDRESS, "out0");

    allow_any_way_back();
    read_large(fd);
    expect_cut(fd, &to);
}
END_TEST

START_TEST(test_incoming_written_as_outgoing)
{
    int fd = divert_ready();

    read_large(fd);
    expect_cut(fd, NULL);
}
END_TEST

START_TEST(test_outgoing_written_as_incoming)
{
    int fd = outgoing_ready();
    wire_address to = incoming_on(IN_ADDRESS, "in0");

    read_large(fd);
    divert_write(fd, got, len, &to);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    packet[FAMILY == AF_INET ? 8 : 7]--; /* it was forwarded before it was read */
    wire_expect_segments(&out0, packet, len, 1500);
}
END_TEST

static void add_narrow_route(void)
{
    run(IP " route add " SPARE " dev out0 mtu 1300");
    run(IP " neighbour add " SPARE " lladdr 02:00:00:00:00:22 dev out0");
}

START_TEST(test_outgoing_above_the_mtu_of_its_route)
{
    int fd = divert_ready();

    add_narrow_route();
    len = make_tcp(packet, IN_PEER, SPARE, PAYLOAD);
    wire_send_large(&in0, packet, len, 1200);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    divert_write(fd, got, len, NULL);
    wire_expect_segments(&out0, packet, len, 1300);
}
END_TEST

/* TCP that knows of a low MTU has its packets cut for that, and sets DF. */
START_TEST(test_incoming_above_the_mtu_of_its_route)
{
    int fd = divert_ready();
    wire_address to = incoming_on(OUT_ADDRESS, "out0");

    allow_any_way_back();
    add_narrow_route();
    len = make_tcp(packet, IN_PEER, SPARE, PAYLOAD);
    wire_send_large(&in0, packet, len, 1200);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    divert_write(fd, got, len, &to);
    wire_expect_segments(&out0, packet, len, 1300);
}
END_TEST

/* After the routing decision a new destination is routed again. */
START_TEST(test_new_destination)
{
    int fd = outgoing_ready();
    size_t at = FAMILY == AF_INET ? 16 : 24, size = FAMILY == AF_INET ? 4 : 16;
    uint8_t other[100];

    run(IP " route add " FAR_NET " via " OUT_PEER);
    len = make_tcp(packet, IN_PEER, ELSEWHERE, PAYLOAD);
    wire_send_large(&in0, packet, len, PIECE);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    make_tcp(other, IN_PEER, OUT_PEER, 1);
    memcpy(got + at, other + at, size);
    make_right(got, len);
    expect_cut(fd, &from);
}
END_TEST

START_TEST(test_written_after_the_hold_time)
{
    int fd = divert_ready();
    struct pollfd p = {.fd = fd, .events = POLLIN};

    read_large(fd);
    while (queue_waiting(PORT) > 0)
        ck_assert_int_eq(poll(&p, 1, 100), 0);
    divert_write(fd, got, len, &from);
    wire_expect_segments(&out0, packet, len, 1500);
}
END_TEST

/* The second write has no packet waiting for it, either. */
START_TEST(test_written_once_more)
{
    int fd = divert_ready();

    read_large(fd);
    divert_write(fd, got, len, &from);
    ck_assert_uint_eq(wire_receive(&out0, packet, sizeof(packet)), len);
    make_tcp(packet, IN_PEER, OUT_PEER, PAYLOAD);
    divert_write(fd, got, len, &from);
    wire_expect_segments(&out0, packet, len, 1500);
    divert_write(fd, got, len, NULL);
    wire_expect_segments(&out0, packet, len, 1500);
}
END_TEST

/* The kernel still cuts what is written back as a verdict, here on the way out. */
static void expect_resized(int fd, size_t payload)
{
    run("ip link set out0 gso_max_segs 1");
    read_large(fd);
    len = make_tcp(packet, IN_PEER, OUT_PEER, payload);
    if (FAMILY == AF_INET)
        got[8] = packet[8] = 63;
    else
        got[7] = packet[7] = 63;
    make_right(packet, len);
    divert_write(fd, packet, len, &from);
    for (size_t at = 0; at < payload;) {
        size_t n = wire_receive(&out0, got, sizeof(got));

        packet_transport_checksum_complete(got, n); /* which may be left to the card */
        at = add_segment(packet, got, n, 1500, at);
    }
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}

START_TEST(test_grown)
{
    expect_resized(outgoing_ready(), PAYLOAD + 1);
}
END_TEST

START_TEST(test_shrunk)
{
    expect_resized(outgoing_ready(), PAYLOAD - 1);
}
END_TEST

START_TEST(test_outgoing_shrunk_below_a_segment)
{
    expect_resized(outgoing_ready(), PIECE - 1);
}
END_TEST

START_TEST(test_incoming_shrunk_below_a_segment)
{
    expect_resized(divert_ready(), PIECE - 1);
}
END_TEST

/* A packet within the MTU, with DF. */
START_TEST(test_ordinary_packet_that_outgrew_the_mtu)
{
    int fd = outgoing_ready();

    len = make_tcp(packet, IN_PEER, OUT_PEER, 1500 - HEADER - TCP);
    wire_send(&in0, packet, len);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), 1500);
    len = make_tcp(packet, IN_PEER, OUT_PEER, 1501 - HEADER - TCP);
    divert_write(fd, packet, len, &from);
    wire_expect_segments(&out0, packet, len, 1500);
}
END_TEST

#define DATAGRAM  1000
#define DATAGRAMS 5

/* Only the kernel knows where a datagram ends: the program reads each as a packet. */
START_TEST(test_datagrams_are_read_one_by_one)
{
    static uint8_t payload[DATAGRAM * DATAGRAMS + 1];
    int fd = divert_ready();
    wire_address to = incoming_on(OUT_ADDRESS, "out0");

    allow_any_way_back();
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7 + i / 251);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, sizeof(payload));
    if (!wire_send_large(&in0, packet, len, DATAGRAM))
        return;
    for (size_t i = 0; i <= DATAGRAMS; i++) {
        size_t size = i < DATAGRAMS ? DATAGRAM : 1;

        ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), HEADER + 8 + size);
        ck_assert_mem_eq(got + HEADER + 8, payload + i * DATAGRAM, size);
        ck_assert_uint_eq(transport_checksum(got, HEADER + 8 + size), 0);
        divert_write(fd, got, HEADER + 8 + size, i % 2 ? &from : &to);
        wire_expect(&out0, got, HEADER + 8 + size);
    }
    wire_expect_silence(&out0);
    read_large(fd); /* TCP still comes large */
}
END_TEST

#ifndef WIRE_IPV6
/* What could not be read large is treated as without the variable. */
START_TEST(test_datagram_above_the_mtu_with_df_is_emsgsize)
{
    static const uint8_t payload[3000];

    len = make_udp(packet, OUT_ADDRESS, 1111, OUT_PEER, 2222, 77, payload, sizeof(payload));
    packet[6] |= 0x40;
    packet_header_checksum_fix(packet);
    ck_assert_int_eq(send(divert_socket(), packet, len, 0), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
}
END_TEST
#endif

static void copy_outgoing(void)
{
    run(IPTABLES " -t mangle -A POSTROUTING -o out0 -j NFLOG --nflog-group %d --nflog-threshold 1",
        PORT);
}

START_TEST(test_copy_is_whole_if_there_is_room)
{
    int fd = divert_bound(PORT);
    size_t at = 0;

    copy_outgoing();
    read_large(fd);
    wire_send_large(&in0, packet, len, PIECE);
    while (at < PAYLOAD)
        at = add_segment(packet, got, divert_read(fd, got, 1500, &from), 1500, at);
    ck_assert(divert_silent(fd));
}
END_TEST

START_TEST(test_copy_of_datagrams_is_never_whole)
{
    static const uint8_t payload[5000];
    int fd = divert_bound(PORT);

    copy_outgoing();
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, sizeof(payload));
    if (!wire_send_large(&in0, packet, len, DATAGRAM))
        return;
    for (size_t left = sizeof(payload); left > 0; left -= len - HEADER - 8) {
        len = divert_read(fd, got, sizeof(got), &from);
        ck_assert_uint_le(len, 1500);
        divert_write(fd, got, len, &from);
    }
    ck_assert(divert_silent(fd));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_incoming_on_another_interface,
        test_incoming_written_as_outgoing,
        test_outgoing_written_as_incoming,
        test_outgoing_above_the_mtu_of_its_route,
        test_incoming_above_the_mtu_of_its_route,
        test_new_destination,
        test_written_after_the_hold_time,
        test_written_once_more,
        test_grown,
        test_shrunk,
        test_outgoing_shrunk_below_a_segment,
        test_incoming_shrunk_below_a_segment,
        test_ordinary_packet_that_outgrew_the_mtu,
        test_datagrams_are_read_one_by_one,
#ifndef WIRE_IPV6
        test_datagram_above_the_mtu_with_df_is_emsgsize,
#endif
        test_copy_is_whole_if_there_is_room,
        test_copy_of_datagrams_is_never_whole,
    };

    return run_suite("gso_inject", tests, sizeof(tests) / sizeof(tests[0]));
}
