/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments: reassembled before an incoming divert, by the rule alone; not before a tee. */
#include "make_packet.h"
#include "packet/packet.h"
#include "rules.h"
#include "wire.h"

#include <netinet/ip.h>
#include <string.h>
#include <unistd.h>

#define PAYLOAD 3000
#define PIECES  3

static uint8_t packet[PAYLOAD + HEADER + 8], got[65536];
static size_t len;
static wire_address from;

static struct {
    uint8_t bytes[1500];
    size_t len;
} piece[PIECES];
static int pieces;

static int keep_piece(void *arg, const void *fragment, size_t n)
{
    (void)arg;
    ck_assert_int_lt(pieces, PIECES);
    memcpy(piece[pieces].bytes, fragment, n);
    piece[pieces++].len = n;
    return 0;
}

static void make_pieces(uint16_t id)
{
    static uint8_t payload[PAYLOAD], buffer[1500];

    for (size_t i = 0; i < PAYLOAD; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, id, payload, PAYLOAD);
    pieces = 0;
    ck_assert_int_eq(packet_fragment(packet, 1400, buffer, keep_piece, NULL), 0);
    ck_assert_int_eq(pieces, PIECES);
}

static void send_piece(int n)
{
    wire_send(&in0, piece[n].bytes, piece[n].len);
}

static void send_pieces(uint16_t id)
{
    make_pieces(id);
    for (int i = 0; i < PIECES; i++)
        send_piece(i);
}

static void expect_whole_packet(int fd)
{
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    ck_assert(packet_header_checksum_ok(got));
    if (FAMILY == AF_INET)
        ck_assert_uint_eq((got[6] << 8 | got[7]) & (IP_MF | IP_OFFMASK), 0);
    else
        ck_assert_uint_eq(got[6], IPPROTO_UDP);
    ck_assert_mem_eq(got + HEADER - 8, packet + HEADER - 8, len - HEADER + 8);
    ck_assert(divert_silent(fd));
}

static void expect_sent(void)
{
    wire_expect_fragments(&out0, packet, len, 1500, HEADER, 0);
}

static int hold_divert(int backend)
{
    rules_hold(backend, "100 divert 8000 udp from any to any 2222 in", NULL);
    return divert_bound(8000);
}

START_TEST(test_fragments_are_read_as_one_packet)
{
    int fd = hold_divert(_i);

    send_pieces(77);
    expect_whole_packet(fd);
    divert_write(fd, got, len, &from);
    expect_sent();
}
END_TEST

/* Only the first fragment has the port that the rule asks for. It comes last. */
START_TEST(test_match_of_one_fragment_diverts_the_whole_packet)
{
    int fd = hold_divert(_i);

    make_pieces(77);
    send_piece(1);
    send_piece(2);
    ck_assert(divert_silent(fd));
    send_piece(0);
    expect_whole_packet(fd);
}
END_TEST

START_TEST(test_incomplete_packet_is_not_read)
{
    int fd = hold_divert(_i);

    make_pieces(77);
    send_piece(0);
    send_piece(2);
    ck_assert(divert_silent(fd));
    wire_expect_silence(&out0);
}
END_TEST

START_TEST(test_fragment_written_as_incoming_is_reassembled)
{
    wire_address to = address_make(IN_ADDRESS, 50);
    int fd = hold_divert(_i);

    make_pieces(77);
    for (int i = 0; i < PIECES; i++)
        divert_write(fd, piece[i].bytes, piece[i].len, &to);
    expect_whole_packet(fd);
}
END_TEST

START_TEST(test_outgoing_packet_is_read_before_it_is_cut)
{
    int fd;

    rules_hold(_i, "100 divert 8000 udp from any to any 2222 out", NULL);
    fd = divert_bound(8000);
    make_pieces(77);
    udp_send(udp_socket(0), OUT_PEER, 2222, packet + HEADER + 8, PAYLOAD);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    memcpy(packet, got, len);
    divert_write(fd, got, len, &from);
    expect_sent();
}
END_TEST

/* With rules by hand, the kernel reassembles as soon as one of them needs it. */
START_TEST(test_rules_by_hand_reassemble_when_told_so)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    make_pieces(77);
    for (int i = 0; i < PIECES; i++) {
        send_piece(i);
        ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), piece[i].len);
    }
    run(IPTABLES " -t raw -I PREROUTING -m socket");
    send_pieces(78);
    expect_whole_packet(fd);
}
END_TEST

/* Copies are read as fragments, each with the rule's number. */
static void expect_copied_pieces(int fd)
{
    for (int i = 0; i < PIECES; i++) {
        ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), piece[i].len);
        ck_assert_mem_eq(got, piece[i].bytes, piece[i].len);
        ck_assert_int_eq(from.sin_tag, 100);
        ck_assert_str_eq(address_text(&from), IN_ADDRESS);
    }
    ck_assert(divert_silent(fd));
}

START_TEST(test_tee_copies_fragments_as_they_are)
{
    int fd;

    rules_hold(_i, "100 tee 8000 udp from any to any in", NULL);
    fd = divert_bound(8000);
    send_pieces(77);
    expect_sent();
    expect_copied_pieces(fd);
}
END_TEST

/*
 * A rule that diverts incoming packets turns on reassembly for the whole namespace. Copies are
 * taken before it with nft, and after it with iptables.
 */
START_TEST(test_tee_before_an_incoming_divert)
{
    int fd;

    rules_hold(_i, "100 tee 8000 udp from any to any in", "200 divert 8001 tcp from any to any in",
               NULL);
    fd = divert_bound(8000);
    send_pieces(77);
    expect_sent();
    if (rules_before_reassembly(_i))
        expect_copied_pieces(fd);
    else
        expect_whole_packet(fd);
}
END_TEST

START_TEST(test_tee_after_an_incoming_divert_copies_the_whole_packet)
{
    int fd;

    rules_hold(_i, "100 divert 8001 tcp from any to any in", "200 tee 8000 udp from any to any in",
               NULL);
    fd = divert_bound(8000);
    send_pieces(77);
    expect_sent();
    expect_whole_packet(fd);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_fragments_are_read_as_one_packet,
        test_match_of_one_fragment_diverts_the_whole_packet,
        test_incomplete_packet_is_not_read,
        test_fragment_written_as_incoming_is_reassembled,
        test_outgoing_packet_is_read_before_it_is_cut,
        test_rules_by_hand_reassemble_when_told_so,
        test_tee_copies_fragments_as_they_are,
        test_tee_before_an_incoming_divert,
        test_tee_after_an_incoming_divert_copies_the_whole_packet,
    };

    return run_suite_with("fragments", tests, sizeof(tests) / sizeof(tests[0]), rules_backends());
}
