/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces, addresses and the TAP device are removed while packets are on the way. */
#include "make_packet.h"
#include "sequence.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t packet[256], got[2048];
static size_t len;
static struct sockaddr_in from;

START_TEST(test_removed_interface_of_what_was_read)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    send_numbers(0, 2);
    len = divert_read(fd, got, sizeof(got), &from);
    run("ip link del in0");
    ck_assert_int_eq(sendto(fd, got, len, 0, (struct sockaddr *)&from, sizeof(from)), -1);
    ck_assert_int_eq(errno, EADDRNOTAVAIL);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    wire_expect_silence(&out0);
    /* The rest of the host works as before. */
    len = make_udp(packet, OUT_ADDRESS, 1, OUT_PEER, 2, 1, "x", 1);
    divert_write(fd, packet, len, NULL);
    wire_expect(&out0, packet, len);
}
END_TEST

START_TEST(test_removed_interface_where_it_was_to_go)
{
    int fd = divert_bound(PORT);

    divert_outgoing(PORT);
    send_numbers(0, 2);
    len = divert_read(fd, got, sizeof(got), &from);
    run("ip link del out0");
    divert_write(fd, got, len, &from); /* as on a wire without a peer */
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    ck_assert_int_eq(sendto(fd, got, len, 0, NULL, 0), -1);
    ck_assert_int_eq(errno, ENETUNREACH);
}
END_TEST

START_TEST(test_removed_address_of_what_was_read)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    send_number(0);
    len = divert_read(fd, got, sizeof(got), &from);
    run("ip address del " IN_ADDRESS "/24 dev in0 && ip route add 10.1.0.0/24 dev in0");
    divert_write(fd, got, len, &from); /* the name takes precedence */
    expect_numbers(0, 1);
    memset(from.sin_zero, 0, sizeof(from.sin_zero));
    ck_assert_int_eq(sendto(fd, got, len, 0, (struct sockaddr *)&from, sizeof(from)), -1);
    ck_assert_int_eq(errno, EADDRNOTAVAIL);
}
END_TEST

START_TEST(test_interfaces_that_come_and_go_do_not_stop_the_traffic)
{
    pid_t pid = start_program_alone(), other = fork();

    if (other == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            (void)!system("ip -batch - <<'END' 2>/dev/null\n"
                          "link add more0 type dummy\naddress add 10.9.0.1/24 dev more0\n"
                          "link add more1 type dummy\nlink del more0\nlink del more1\nEND");
    }
    for (uint16_t i = 0; i < 4000; i += 200) {
        send_numbers(i, (uint16_t)(i + 200));
        expect_numbers(i, (uint16_t)(i + 200));
    }
    end_program(pid);
    end_program(other);
}
END_TEST

static void inject_and_expect(int fd, uint16_t id)
{
    struct sockaddr_in to = {.sin_family = AF_INET};

    inet_pton(AF_INET, IN_ADDRESS, &to.sin_addr);
    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, id, "x", 1);
    divert_write(fd, packet, len, &to);
    wire_expect(&out0, packet, len);
}

START_TEST(test_removed_tap_device_is_made_again)
{
    int fd = divert_bound(PORT);

    inject_and_expect(fd, 1);
    run("ip link del divert0");
    inject_and_expect(fd, 2);
    run("ip link set divert0 down");
    inject_and_expect(fd, 3);
    close(fd);
    run("! ip link show divert0 2>/dev/null");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_removed_interface_of_what_was_read,
        test_removed_interface_where_it_was_to_go,
        test_removed_address_of_what_was_read,
        test_interfaces_that_come_and_go_do_not_stop_the_traffic,
        test_removed_tap_device_is_made_again,
    };

    return run_suite("removed", tests, sizeof(tests) / sizeof(tests[0]));
}
