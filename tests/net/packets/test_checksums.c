/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums that the kernel leaves to the network card are complete when a program reads them. */
#include "make_packet.h"
#include "packet/packet.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

static uint8_t got[65536];

static void expect_complete(int fd, uint8_t protocol)
{
    size_t len = divert_read(fd, got, sizeof(got), NULL);

    ck_assert_uint_eq(got[FAMILY == AF_INET ? 9 : 6], protocol);
    ck_assert(packet_header_checksum_ok(got));
    ck_assert_uint_eq(transport_checksum(got, len), 0);
}

static int divert_offloaded(void)
{
    run("ip -d link show out0 | grep -q veth");
    divert_outgoing(PORT);
    return divert_bound(PORT);
}

START_TEST(test_udp_checksums_of_the_host_are_complete)
{
    int fd = divert_offloaded(), udp = udp_socket(0);

    for (size_t size = 1; size <= 60000; size = size * 3 + 1) {
        udp_send(udp, OUT_PEER, 80, got, size);
        expect_complete(fd, IPPROTO_UDP);
    }
}
END_TEST

START_TEST(test_tcp_checksums_of_the_host_are_complete)
{
    wire_address to = address_make(OUT_PEER, htons(80));
    int fd = divert_offloaded(), tcp = socket(FAMILY, SOCK_STREAM | SOCK_NONBLOCK, 0);

    ck_assert_int_eq(connect(tcp, (struct sockaddr *)&to, sizeof(to)), -1);
    ck_assert_int_eq(errno, EINPROGRESS);
    expect_complete(fd, IPPROTO_TCP);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_udp_checksums_of_the_host_are_complete,
                                  test_tcp_checksums_of_the_host_are_complete};

    return run_suite("checksums", tests, sizeof(tests) / sizeof(tests[0]));
}
