/* SPDX-License-Identifier: BSD-2-Clause */
/* What divert(4) says about reading. */
#include "make_packet.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

static uint8_t packet[2000], got[2000];
static size_t len;
static wire_address from;

static void send_one(const char *payload)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, strlen(payload));
    wire_send(&in0, packet, len);
}

static int divert_with_one_packet(const char *payload)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    send_one(payload);
    return fd;
}

static void expect_address(const char *address, int tag, const char *interface)
{
    ck_assert_int_eq(((struct sockaddr *)&from)->sa_family, FAMILY);
    ck_assert_str_eq(address_text(&from), address);
    ck_assert_int_eq(from.sin_tag, tag);
    expect_interface(&from, interface);
}

START_TEST(test_incoming_packet_carries_address_and_name_of_its_interface)
{
    int fd = divert_with_one_packet("x");

    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    ck_assert_mem_eq(got, packet, len);
    expect_address(IN_ADDRESS, 0, "in0");
}
END_TEST

START_TEST(test_forwarded_packet_is_outgoing_and_names_the_receiving_interface)
{
    int fd = divert_bound(PORT);

    divert_outgoing(PORT);
    send_one("x");
    divert_read(fd, got, sizeof(got), &from);
    expect_address(ANY, 0, "in0");
}
END_TEST

START_TEST(test_outgoing_packet_of_the_host_has_neither_address_nor_name)
{
    int fd = divert_bound(PORT);

    divert_outgoing(PORT);
    udp_send(udp_socket(0), OUT_PEER, 9, "x", 1);
    divert_read(fd, got, sizeof(got), &from);
    expect_address(ANY, 0, "");
}
END_TEST

START_TEST(test_long_interface_name_is_left_out)
{
    int fd = divert_bound(PORT);

    run("ip link set in0 down && ip link set in0 name longname0 && ip link set longname0 up");
    run(IPTABLES " -t raw -A PREROUTING -i longname0 -j NFQUEUE --queue-num %d", PORT);
    send_one("x");
    divert_read(fd, got, sizeof(got), &from);
    expect_address(IN_ADDRESS, 0, "");
}
END_TEST

START_TEST(test_interface_name_of_seven_letters_fits)
{
    int fd = divert_bound(PORT);

    run("ip link set in0 down && ip link set in0 name seven77 && ip link set seven77 up");
    run(IPTABLES " -t raw -A PREROUTING -i seven77 -j NFQUEUE --queue-num %d", PORT);
    send_one("x");
    divert_read(fd, got, sizeof(got), &from);
    expect_address(IN_ADDRESS, 0, "seven77");
}
END_TEST

START_TEST(test_address_is_the_first_and_follows_changes)
{
    int fd = divert_with_one_packet("x");

    run(IP " address add " SPARE "/" SPARE_LEN " dev in0");
    divert_read(fd, got, sizeof(got), &from);
    expect_address(IN_ADDRESS, 0, "in0");
    run(IP " address del " IN_ADDRESS "/" LINK_LEN " dev in0");
    send_one("y");
    divert_read(fd, got, sizeof(got), &from);
    expect_address(SPARE, 0, "in0");
    run(IP " address del " SPARE "/" SPARE_LEN " dev in0");
    send_one("z");
    divert_read(fd, got, sizeof(got), &from);
    expect_address(ANY, 0, "in0");
}
END_TEST

START_TEST(test_short_buffer_truncates)
{
    int fd = divert_with_one_packet("a payload that does not fit");
    struct iovec iov = {got, HEADER + 4};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    send_one("the next");
    ck_assert_int_eq(recvmsg(fd, &msg, 0), HEADER + 4);
    ck_assert_int_eq(msg.msg_flags, MSG_TRUNC);
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
    ck_assert_mem_eq(got, packet, len);
}
END_TEST

START_TEST(test_msg_trunc_tells_the_whole_length)
{
    int fd = divert_with_one_packet("a payload that does not fit");

    ck_assert_int_eq(recv(fd, got, 1, MSG_TRUNC), (ssize_t)len);
}
END_TEST

START_TEST(test_peek_leaves_the_packet)
{
    int fd = divert_with_one_packet("x");

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(recv(fd, got, sizeof(got), MSG_PEEK), (ssize_t)len);
    ck_assert_int_eq(recv(fd, got, sizeof(got), 0), (ssize_t)len);
    ck_assert(divert_silent(fd));
}
END_TEST

/* The kernel queues a packet some time after it was sent. */
static void wait_until_queued(void)
{
    for (int waited = 0; queue_waiting(PORT) == 0 && waited < 10000; waited++)
        usleep(1000);
}

START_TEST(test_fionread_tells_the_next_packet)
{
    int fd = divert_with_one_packet("x"), next = -1;

    wait_until_queued();
    ck_assert_int_eq(ioctl(fd, FIONREAD, &next), 0);
    ck_assert_int_eq(next, (int)len);
    divert_read(fd, got, sizeof(got), &from);
    ck_assert_int_eq(ioctl(fd, FIONREAD, &next), 0);
    ck_assert_int_eq(next, 0);
}
END_TEST

START_TEST(test_scattered_read)
{
    int fd = divert_with_one_packet("scattered");
    struct iovec iov[] = {{got, 7}, {got + 7, 0}, {got + 7, 13}, {got + 20, 1000}};

    ck_assert_int_eq(readv(fd, iov, 4), (ssize_t)len);
    ck_assert_mem_eq(got, packet, len);
    divert_write(fd, got, len, NULL);
}
END_TEST

static void expect_eagain(ssize_t n)
{
    ck_assert_int_eq(n, -1);
    ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(test_nonblocking_by_every_way)
{
    int fd = divert_bound(PORT), on = 1;

    expect_eagain(recv(fd, got, sizeof(got), MSG_DONTWAIT));
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    expect_eagain(read(fd, got, sizeof(got)));
    ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
    ck_assert_int_eq(ioctl(fd, FIONBIO, &on), 0);
    expect_eagain(read(fd, got, sizeof(got)));
    fd = socket(FAMILY, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_DIVERT);
    ck_assert_int_ge(fd, 0);
    expect_eagain(recv(fd, got, sizeof(got), 0));
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(test_receive_timeout)
{
    int fd = divert_bound(PORT);
    struct timeval time = {.tv_usec = 20000}, back;
    socklen_t size = sizeof(back);

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), 0);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &back, &size), 0);
    ck_assert_int_eq(back.tv_usec, 20000);
    expect_eagain(recv(fd, got, sizeof(got), 0));
}
END_TEST

START_TEST(test_poll_and_select_tell_the_truth)
{
    int fd = divert_with_one_packet("x");
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM};
    struct timeval now = {0};
    fd_set set;

    wait_until_queued();
    ck_assert_int_eq(poll(&p, 1, 10000), 1);
    ck_assert_int_eq(p.revents, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
    divert_read(fd, got, sizeof(got), &from);
    ck_assert_int_eq(poll(&p, 1, 0), 1);
    ck_assert_int_eq(p.revents, POLLOUT | POLLWRNORM);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    ck_assert_int_eq(select(fd + 1, &set, NULL, NULL, &now), 0);
    ck_assert(!FD_ISSET(fd, &set));
    send_one("y");
    FD_SET(fd, &set);
    ck_assert_int_eq(select(fd + 1, &set, NULL, NULL, NULL), 1);
    ck_assert(FD_ISSET(fd, &set));
}
END_TEST

START_TEST(test_poll_with_other_descriptors)
{
    int fd = divert_with_one_packet("x"), pipes[2];
    struct pollfd p[2];

    ck_assert_int_eq(pipe(pipes), 0);
    p[0] = (struct pollfd){.fd = pipes[0], .events = POLLIN};
    p[1] = (struct pollfd){.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(p, 2, 10000), 1);
    ck_assert_int_eq(p[0].revents, 0);
    ck_assert_int_eq(write(pipes[1], "x", 1), 1);
    ck_assert_int_eq(poll(p, 2, 10000), 2);
    divert_read(fd, got, sizeof(got), &from);
    ck_assert_int_eq(poll(p, 2, 10000), 1);
    ck_assert_int_eq(p[0].revents, POLLIN);
    ck_assert_int_eq(p[1].revents, 0);
}
END_TEST

/* Packets of 64 and of 1500 bytes wait while the program is busy. */
static void expect_burst(size_t size)
{
    static uint8_t payload[1500];
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    for (uint16_t id = 1; id <= 10000; id++) {
        len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, id, payload, size - HEADER - 8);
        wire_send(&in0, packet, len);
    }
    for (uint16_t id = 1; id <= 10000; id++) {
        ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), size);
        ck_assert_uint_eq(packet_id(got), id);
    }
    ck_assert_uint_eq(queue_waiting(PORT), 10000);
}

START_TEST(test_burst_of_ten_thousand_small_packets)
{
    expect_burst(64);
}
END_TEST

START_TEST(test_burst_of_ten_thousand_full_packets)
{
    expect_burst(1500);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_incoming_packet_carries_address_and_name_of_its_interface,
        test_forwarded_packet_is_outgoing_and_names_the_receiving_interface,
        test_outgoing_packet_of_the_host_has_neither_address_nor_name,
        test_long_interface_name_is_left_out,
        test_interface_name_of_seven_letters_fits,
        test_address_is_the_first_and_follows_changes,
        test_short_buffer_truncates,
        test_msg_trunc_tells_the_whole_length,
        test_peek_leaves_the_packet,
        test_fionread_tells_the_next_packet,
        test_scattered_read,
        test_nonblocking_by_every_way,
        test_receive_timeout,
        test_poll_and_select_tell_the_truth,
        test_poll_with_other_descriptors,
        test_burst_of_ten_thousand_small_packets,
        test_burst_of_ten_thousand_full_packets,
    };

    return run_suite("read", tests, sizeof(tests) / sizeof(tests[0]));
}
