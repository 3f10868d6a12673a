/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums that the kernel leaves to the network card are complete when a program reads them. */
#include "packet.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

static uint8_t got[65536];

static struct sockaddr_in peer(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};

    to.sin_addr.s_addr = inet_addr(OUT_PEER);
    return to;
}

/* Sum over a transport header and payload with the pseudo header: 0 if it is right. */
static uint16_t transport_checksum(const uint8_t *p, size_t len)
{
    struct {
        uint8_t addresses[8], zero, protocol;
        uint16_t len; /* network byte order */
    } pseudo = {.protocol = p[9], .len = htons((uint16_t)(len - 20))};
    uint16_t sum;

    memcpy(pseudo.addresses, p + 12, 8);
    sum = (uint16_t)~packet_checksum(&pseudo, sizeof(pseudo), 0);
    return packet_checksum(p + 20, len - 20, sum);
}

static void expect_complete(int fd, uint8_t protocol)
{
    size_t len = divert_read(fd, got, sizeof(got), NULL);

    ck_assert_uint_eq(got[9], protocol);
    ck_assert(packet_header_checksum_ok(got));
    ck_assert_uint_eq(transport_checksum(got, len), 0);
}

static int divert_offloaded(void)
{
    run("ip -d link show out0 | grep -q veth");
    divert_outgoing(PORT);
    return divert_bound(PORT);
}

START_TEST(test_udp_of_the_host)
{
    struct sockaddr_in to = peer();
    int fd = divert_offloaded(), udp = socket(AF_INET, SOCK_DGRAM, 0);

    for (size_t size = 1; size <= 60000; size = size * 3 + 1) {
        ck_assert_int_eq(sendto(udp, got, size, 0, (struct sockaddr *)&to, sizeof(to)), (int)size);
        expect_complete(fd, IPPROTO_UDP);
    }
}
END_TEST

START_TEST(test_tcp_of_the_host)
{
    struct sockaddr_in to = peer();
    int fd = divert_offloaded(), tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    ck_assert_int_eq(connect(tcp, (struct sockaddr *)&to, sizeof(to)), -1);
    ck_assert_int_eq(errno, EINPROGRESS);
    expect_complete(fd, IPPROTO_TCP);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_udp_of_the_host, test_tcp_of_the_host};

    return run_suite("checksums", tests, sizeof(tests) / sizeof(tests[0]));
}
