/* SPDX-License-Identifier: BSD-2-Clause */
/* What divert(4) says about tee: the original goes on at once, and a copy can be read. */
#include "large.h"
#include "make_packet.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static uint8_t packet[65536], got[65536];
static size_t len;
static wire_address from;

/* The rule as divert-run makes it: the tag is in the mark while the copy is taken. */
static void tee_outgoing(int port, int tag)
{
    run(IPTABLES " -t mangle -A POSTROUTING -o out0 -j MARK --set-xmark 0x%x/0xffff0000",
        (unsigned)tag << 16);
    run(IPTABLES " -t mangle -A POSTROUTING -o out0 -j NFLOG --nflog-group %d --nflog-threshold 1",
        port);
    run(IPTABLES " -t mangle -A POSTROUTING -o out0 -j MARK --set-xmark 0/0xffff0000");
}

static void send_one(const char *payload)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, strlen(payload));
    wire_send(&in0, packet, len);
}

START_TEST(test_original_goes_on_at_once)
{
    divert_bound(PORT);
    tee_outgoing(PORT, 0);
    send_one("x");
    wire_expect(&out0, packet, len);
    wire_expect_silence(&out0);
}
END_TEST

START_TEST(test_copy_carries_tag_and_interface)
{
    int fd = divert_bound(PORT);

    tee_outgoing(PORT, 300);
    send_one("x");
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    ck_assert_mem_eq(got + HEADER - 8, packet + HEADER - 8, len - HEADER + 8);
    ck_assert_int_eq(from.sin_tag, 300);
    ck_assert_str_eq(address_text(&from), ANY);
    expect_interface(&from, "in0");
    ck_assert(divert_silent(fd));
}
END_TEST

START_TEST(test_copy_written_is_one_more_packet)
{
    int fd = divert_bound(PORT);

    tee_outgoing(PORT, 0);
    send_one("x");
    wire_expect(&out0, packet, len);
    divert_read(fd, got, sizeof(got), &from);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    wire_expect_silence(&out0);
}
END_TEST

START_TEST(test_copies_and_diverted_packets_come_to_one_socket)
{
    int fd = divert_bound(PORT);

    tee_outgoing(PORT, 300);
    divert_incoming(PORT);
    send_one("x");
    divert_read(fd, got, sizeof(got), &from);
    ck_assert_str_eq(address_text(&from), IN_ADDRESS);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    divert_read(fd, got, sizeof(got), &from);
    ck_assert_int_eq(from.sin_tag, 300);
}
END_TEST

static void send_from_here(const void *payload, size_t size)
{
    int udp = udp_socket(0);

    udp_send(udp, OUT_PEER, 9, payload, size);
    close(udp);
}

/* The kernel leaves the checksum of the host's own packets to the card. */
START_TEST(test_copy_has_its_checksum)
{
    int fd = divert_bound(PORT);

    tee_outgoing(PORT, 0);
    send_from_here("checksum", 8);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), HEADER + 16);
    ck_assert_uint_eq(transport_checksum(got, HEADER + 16), 0);
}
END_TEST

START_TEST(test_large_copy_is_whole)
{
    static uint8_t payload[3000];
    int fd = divert_bound(PORT);

    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7);
    tee_outgoing(PORT, 0);
    run("ip link set out0 mtu 4000");
    send_from_here(payload, sizeof(payload));
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), sizeof(payload) + HEADER + 8);
    ck_assert_mem_eq(got + HEADER + 8, payload, sizeof(payload));
}
END_TEST

/* A large TCP packet is copied as it will be on the wire. */
START_TEST(test_copy_of_several_segments_is_read_in_segments)
{
    int fd = divert_bound(PORT), waiting;
    size_t at = 0, n;

    tee_outgoing(PORT, 300);
    len = make_tcp(packet, IN_PEER, OUT_PEER, 20000);
    wire_send_large(&in0, packet, len, 1400);
    ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), len);
    while (at < 20000) {
        ck_assert(!divert_silent(fd));
        ck_assert_int_eq(ioctl(fd, FIONREAD, &waiting), 0);
        ck_assert_int_eq(recv(fd, got, 0, MSG_PEEK | MSG_TRUNC), waiting);
        n = divert_read(fd, got, sizeof(got), &from);
        ck_assert_int_eq(waiting, (int)n);
        at = add_segment(packet, got, n, 1500, at);
        ck_assert_int_eq(from.sin_tag, 300);
        expect_interface(&from, "in0");
    }
    ck_assert(divert_silent(fd));
}
END_TEST

/* Each of them that is written is one more packet. */
START_TEST(test_copy_in_segments_can_be_written)
{
    int fd = divert_bound(PORT);

    tee_outgoing(PORT, 0);
    len = make_tcp(packet, IN_PEER, OUT_PEER, 5000);
    wire_send_large(&in0, packet, len, 1400);
    ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), len);
    for (size_t left = 5000; left > 0;) {
        size_t n = divert_read(fd, got, sizeof(got), &from);

        divert_write(fd, got, n, &from);
        left -= n - HEADER - 20;
    }
    wire_expect_segments(&out0, packet, len, 1500);
}
END_TEST

START_TEST(test_copy_of_several_datagrams_is_no_larger_than_the_wire)
{
    static uint8_t payload[5001];
    int fd = divert_bound(PORT);
    size_t at = 0;

    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7);
    tee_outgoing(PORT, 0);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, sizeof(payload));
    if (!wire_send_large(&in0, packet, len, 1400))
        return;
    while (at < sizeof(payload)) {
        size_t n = divert_read(fd, got, sizeof(got), &from), size = n - HEADER - 8;

        ck_assert_uint_le(n, 1500);
        ck_assert_uint_eq(transport_checksum(got, n), 0);
        ck_assert_mem_eq(got + HEADER + 8, payload + at, size);
        at += size;
    }
    ck_assert(divert_silent(fd));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_original_goes_on_at_once,
        test_copy_carries_tag_and_interface,
        test_copy_written_is_one_more_packet,
        test_copies_and_diverted_packets_come_to_one_socket,
        test_copy_has_its_checksum,
        test_large_copy_is_whole,
        test_copy_of_several_segments_is_read_in_segments,
        test_copy_in_segments_can_be_written,
        test_copy_of_several_datagrams_is_no_larger_than_the_wire,
    };

    return run_suite("tee", tests, sizeof(tests) / sizeof(tests[0]));
}
