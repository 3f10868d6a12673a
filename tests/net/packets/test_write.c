/* SPDX-License-Identifier: BSD-2-Clause */
/* What divert(4) says about writing and its errors. */
#include "make_packet.h"
#include "packet/packet.h"
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static uint8_t packet[5000], got[5000];
static size_t len;
static wire_address from;

static int read_one(bool incoming, const char *payload)
{
    int fd = divert_bound(PORT);

    if (incoming)
        divert_incoming(PORT);
    else
        divert_outgoing(PORT);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, strlen(payload));
    wire_send(&in0, packet, len);
    divert_read(fd, got, sizeof(got), &from);
    return fd;
}

static void expect_error(int fd, const void *bytes, size_t n, const wire_address *to, int expected)
{
    ssize_t result = sendto(fd, bytes, n, 0, (const struct sockaddr *)to, to ? sizeof(*to) : 0);

    ck_assert_msg(result == -1 && errno == expected, "expected %s, got %zd, %s", strerror(expected),
                  result, strerror(errno));
}

START_TEST(test_incoming_packet_goes_on_unchanged)
{
    int fd = read_one(true, "x");

    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_outgoing_packet_goes_on_unchanged)
{
    int fd = read_one(false, "x");

    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_rewritten_packet_goes_on_as_written)
{
    int fd = read_one(true, "x");

    len = make_udp(got, IN_PEER, 3333, OUT_PEER, 4444, 77, "longer than before", 18);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, got, len);
}
END_TEST

START_TEST(test_without_address_it_is_outgoing)
{
    int fd = read_one(false, "x");

    ck_assert_int_eq(write(fd, got, len), (ssize_t)len);
    wire_expect(&out0, packet, len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_gathered_write)
{
    int fd = read_one(false, "gathered");
    struct iovec iov[] = {{got, 3}, {got + 3, 20}, {got + 23, len - 23}};

    ck_assert_int_eq(writev(fd, iov, 3), (ssize_t)len);
    wire_expect(&out0, packet, len);
}
END_TEST

START_TEST(test_every_write_puts_one_packet_back)
{
    int fd = read_one(false, "x");

    for (int i = 0; i < 3; i++)
        divert_write(fd, got, len, &from);
    for (int i = 0; i < 3; i++)
        wire_expect(&out0, packet, len);
    wire_expect_silence(&out0);
    ck_assert(divert_silent(fd));
}
END_TEST

#ifndef WIRE_IPV6 /* its header has no checksum */
START_TEST(test_outgoing_checksum_is_corrected)
{
    int fd = read_one(false, "x");

    got[10] ^= 0x55;
    divert_write(fd, got, len, &from);
    ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), len);
    ck_assert(packet_header_checksum_ok(got));
}
END_TEST

START_TEST(test_incoming_wrong_checksum_is_dropped_silently)
{
    int fd = read_one(true, "x");

    got[10] ^= 0x55;
    divert_write(fd, got, len, &from);
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

#endif

START_TEST(test_bytes_after_ip_len_are_not_sent)
{
    int fd = read_one(false, "x");

    divert_write(fd, got, len + 100, &from);
    wire_expect(&out0, packet, len);
}
END_TEST

START_TEST(test_malformed_packet_is_einval)
{
    int fd = divert_socket();

    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
    expect_error(fd, packet, HEADER - 1, NULL, EINVAL);
    expect_error(fd, packet, 0, NULL, EINVAL);
    expect_error(fd, packet, len - 1, NULL, EINVAL);
    packet[0] = 0x44;
    expect_error(fd, packet, len, NULL, EINVAL);
    packet[0] = 0x4f;
    expect_error(fd, packet, len, NULL, EINVAL);
}
END_TEST

/* For another version FreeBSD has an error, and OpenBSD has none. */
START_TEST(test_packet_of_no_version)
{
    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
    packet[0] = 0x55;
    expect_error(divert_socket(), packet, len, NULL, FAMILY == AF_INET ? EAFNOSUPPORT : EINVAL);
    setenv("DIVERTSHIM_PERSONALITY", "openbsd", 1);
    expect_error(divert_socket(), packet, len, NULL, FAMILY == AF_INET ? EAFNOSUPPORT : EINVAL);
}
END_TEST

START_TEST(test_address_of_another_family_is_eafnosupport)
{
    int fd = divert_socket();
    wire_address to = address_make(ANY, 0);

    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
    ((struct sockaddr *)&to)->sa_family = AF_UNIX;
    expect_error(fd, packet, len, &to, EAFNOSUPPORT);
    ((struct sockaddr *)&to)->sa_family = FAMILY == AF_INET ? AF_INET6 : AF_INET;
    expect_error(fd, packet, len, &to, EAFNOSUPPORT);
}
END_TEST

START_TEST(test_unknown_address_or_name_is_eaddrnotavail)
{
    int fd = divert_socket();
    wire_address to = address_make(ELSEWHERE, 0);

    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
    expect_error(fd, packet, len, &to, EADDRNOTAVAIL);
#ifndef WIRE_IPV6
    memcpy(to.sin_zero, "nosuch0", 8);
    expect_error(fd, packet, len, &to, EADDRNOTAVAIL);
    memcpy(to.sin_zero, "in0\0\0\0\0", 8);
    divert_write(fd, packet, len, &to);
    wire_expect(&out0, packet, len);
    memcpy(to.sin_zero, "12345678", 8);
    expect_error(fd, packet, len, &to, EADDRNOTAVAIL);
#endif
}
END_TEST

START_TEST(test_too_large_packet_is_emsgsize)
{
    static uint8_t large[70000];
    int fd = divert_socket();

#ifndef WIRE_IPV6
    len = make_udp(packet, OUT_ADDRESS, 1, OUT_PEER, 2, 3, large, 2000);
    packet[6] = 0x40;
    packet_header_checksum_fix(packet);
    expect_error(fd, packet, len, NULL, EMSGSIZE);
#endif
    expect_error(fd, large, sizeof(large), NULL, EMSGSIZE);
    wire_expect_silence(&out0);
}
END_TEST

START_TEST(test_bind_errors)
{
    wire_address address = address_make(ANY, htons(PORT));
    struct sockaddr *any = (struct sockaddr *)&address;
    int fd = divert_bound(PORT), second = divert_socket();

    ck_assert_int_eq(bind(second, any, sizeof(address)), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    ck_assert_int_eq(bind(fd, any, sizeof(address)), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(bind(second, any, 2), -1);
    ck_assert_int_eq(errno, EINVAL);
    any->sa_family = AF_UNIX;
    ck_assert_int_eq(bind(second, any, sizeof(address)), -1);
    ck_assert_int_eq(errno, EAFNOSUPPORT);
    any->sa_family = FAMILY == AF_INET ? AF_INET6 : AF_INET;
    ck_assert_int_eq(bind(second, any, sizeof(struct sockaddr_in)), -1);
    ck_assert_int_eq(errno, EAFNOSUPPORT);
}
END_TEST

START_TEST(test_address_in_bind_is_ignored)
{
    wire_address address = address_make(ELSEWHERE, htons(PORT));
    int fd = divert_socket();

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}
END_TEST

START_TEST(test_ports_are_a_space_of_their_own)
{
    udp_socket(PORT);
    divert_bound(PORT);
}
END_TEST

START_TEST(test_port_0_picks_a_free_one)
{
    wire_address a, any = address_make(ANY, 0);
    socklen_t size = sizeof(a);
    int first = divert_bound(0), second = divert_bound(0);
    in_port_t port;

    ck_assert_int_eq(getsockname(first, (struct sockaddr *)&a, &size), 0);
    ck_assert_uint_eq(size, sizeof(a));
    port = a.sin_tag;
    ck_assert_int_ne(port, 0);
    a.sin_tag = 0;
    ck_assert_mem_eq(&a, &any, sizeof(a));
    ck_assert_int_eq(getsockname(second, (struct sockaddr *)&a, &size), 0);
    ck_assert_int_ne(a.sin_tag, port);
}
END_TEST

START_TEST(test_closed_port_can_be_bound_again)
{
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(close(divert_bound(PORT)), 0);
}
END_TEST

START_TEST(test_port_without_listener_drops)
{
    divert_incoming(PORT);
    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
    wire_send(&in0, packet, len);
    wire_expect_silence(&out0);
}
END_TEST

/* The address is INADDR_ANY, so it does not say that the packet came in. */
START_TEST(test_interface_without_address)
{
    int fd;

    run(IP " address flush dev in0");
    fd = read_one(true, "x");
    ck_assert_str_eq(address_text(&from), ANY);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_marks_of_others_are_no_tags_by_hand)
{
    int fd;

    run(IPTABLES " -t raw -A PREROUTING -j MARK --set-mark 0x70000");
    fd = read_one(true, "x");
    ck_assert_int_eq(from.sin_tag, 0);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    ck_assert(divert_silent(fd));
}
END_TEST

START_TEST(test_injected_packet_is_not_diverted_again_by_hand)
{
    wire_address to = address_make(IN_ADDRESS, 0);
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    divert_outgoing(PORT);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    divert_write(fd, packet, len, &to);
    wire_expect(&out0, packet, len);
    ck_assert(divert_silent(fd));
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_close_drops_what_was_not_written)
{
    int fd = read_one(true, "x");

    ck_assert_uint_eq(queue_waiting(PORT), 1);
    close(fd);
    wire_expect_silence(&out0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_incoming_packet_goes_on_unchanged,
        test_outgoing_packet_goes_on_unchanged,
        test_rewritten_packet_goes_on_as_written,
        test_without_address_it_is_outgoing,
        test_gathered_write,
        test_every_write_puts_one_packet_back,
#ifndef WIRE_IPV6
        test_outgoing_checksum_is_corrected,
        test_incoming_wrong_checksum_is_dropped_silently,
#endif
        test_bytes_after_ip_len_are_not_sent,
        test_malformed_packet_is_einval,
        test_packet_of_no_version,
        test_address_of_another_family_is_eafnosupport,
        test_unknown_address_or_name_is_eaddrnotavail,
        test_too_large_packet_is_emsgsize,
        test_bind_errors,
        test_address_in_bind_is_ignored,
        test_ports_are_a_space_of_their_own,
        test_port_0_picks_a_free_one,
        test_closed_port_can_be_bound_again,
        test_port_without_listener_drops,
        test_interface_without_address,
        test_marks_of_others_are_no_tags_by_hand,
        test_injected_packet_is_not_diverted_again_by_hand,
        test_close_drops_what_was_not_written,
    };

    return run_suite("write", tests, sizeof(tests) / sizeof(tests[0]));
}
