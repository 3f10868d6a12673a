/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where packets go after a program has rewritten them, and what netfilter still knows about packets
 * that a program passed on: marks, connections, owners.
 */
#include "make_packet.h"
#include "rules.h"
#include "wire.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static uint8_t packet[200], got[200];
static size_t len, got_len;
static wire_address from;

static void send_packet(void)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    wire_send(&in0, packet, len);
}

static void read_packet(int fd)
{
    got_len = divert_read(fd, got, sizeof(got), &from);
}

/* Sends a datagram of the host to OUT_PEER. Its socket stays open. */
static void send_own(void)
{
    udp_send(udp_socket(0), OUT_PEER, 2222, "x", 1);
}

/* Writes the packet that was read with another destination, without UDP checksum. */
static void write_to(int fd, const char *destination, const char *source)
{
    got_len = make_udp(got, source, 1111, destination, 2222, 77, "x", 1);
    divert_write(fd, got, got_len, &from);
}

static void no_redirects(void)
{
    run("echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects");
    run("echo 0 >/proc/sys/net/ipv4/conf/in0/send_redirects");
}

/* Makes routing table 77, which leads back to the wire of in0. */
static void route_by(const char *selector)
{
    run(IP " rule add %s lookup 77 && " IP " route add default via " IN_PEER " dev in0 table 77",
        selector);
}

/* ---- a new destination ---- */

START_TEST(test_forwarded_packet_leaves_by_the_interface_of_its_new_destination)
{
    int fd = divert_bound(PORT);

    divert_outgoing(PORT);
    send_packet();
    read_packet(fd);
    write_to(fd, IN_PEER, STRANGE);
    wire_expect(&in0, got, got_len);
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_own_packet_leaves_by_the_interface_of_its_new_destination)
{
    static const char *const hooks[] = {"OUTPUT", "POSTROUTING"};
    int fd = divert_bound(PORT);

    run(IPTABLES " -t mangle -A %s -o out0 -j NFQUEUE --queue-num %d", hooks[_i], PORT);
    send_own();
    read_packet(fd);
    write_to(fd, IN_PEER, OUT_ADDRESS);
    wire_expect(&in0, got, got_len);
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

START_TEST(test_incoming_packet_is_routed_by_its_new_destination)
{
    int fd = divert_bound(PORT), udp = udp_socket(2222);

    divert_incoming(PORT);
    send_packet();
    read_packet(fd);
    write_to(fd, IN_ADDRESS, IN_PEER);
    ck_assert_int_eq(recv(udp, got, sizeof(got), 0), 1);
    send_packet();
    read_packet(fd);
    write_to(fd, OUT_PEER, IN_PEER);
    wire_expect(&out0, got, got_len);
}
END_TEST

START_TEST(test_rewritten_packet_skips_the_rules_up_to_its_tag)
{
    int fd;

    rules_hold(_i, "100 divert 8000 ip from any to any out",
               "200 divert 8001 ip from any to any out", NULL);
    fd = divert_bound(8001);
    divert_bound(8000);
    look_behind("postrouting", "meta mark != 0 drop");
    from = address_make(ANY, 100);
    write_to(fd, OUT_PEER, IN_PEER);
    read_packet(fd);
    ck_assert_int_eq(from.sin_tag, 200);
    write_to(fd, IN_PEER, STRANGE);
    wire_expect(&in0, got, got_len);
    wire_expect_silence(&out0);
}
END_TEST

/* ---- marks ---- */

START_TEST(test_rerouted_packet_is_routed_by_its_mark)
{
    int fd = divert_bound(PORT);

    route_by("fwmark 7/0xffff");
    run(IPTABLES " -A FORWARD -j MARK --set-xmark 7");
    divert_outgoing(PORT);
    look_behind("postrouting", "meta mark and 0xffff != 7 drop");
    send_packet();
    read_packet(fd);
    write_to(fd, ELSEWHERE, IN_PEER);
    wire_expect(&in0, got, got_len);
}
END_TEST

START_TEST(test_rerouted_packet_is_routed_by_its_source)
{
    int fd = divert_bound(PORT);

    run(IP " route add " FAR_NET " via " OUT_PEER);
    route_by("from " IN_PEER " to " FAR_NET);
    divert_outgoing(PORT);
    send_packet();
    read_packet(fd);
    write_to(fd, ELSEWHERE, IN_PEER);
    wire_expect(&in0, got, got_len);
}
END_TEST

/* An "ip rule" without a mask compares all 32 bits. */
START_TEST(test_incoming_packet_is_routed_by_its_mark_without_the_tag)
{
    wire_address to = address_make(IN_ADDRESS, 100);
    int fd;

    rules_hold(_i, "100 divert 8000 ip from any to any in", NULL);
    no_redirects();
    route_by("fwmark 7");
    look_before("prerouting", "meta mark set meta mark or 7");
    fd = divert_bound(8000);
    send_packet();
    read_packet(fd);
    divert_write(fd, got, got_len, &from);
    wire_expect(&in0, packet, len);
    divert_write(fd, packet, len, &to);
    wire_expect(&in0, packet, len);
    wire_expect_silence(&out0);
}
END_TEST

/* It gets its tag when it has been routed, and loses the tag after the rules. */
START_TEST(test_rerouted_packet_is_routed_by_its_mark_without_the_tag)
{
    int fd;

    rules_hold(_i, "100 divert 8000 ip from any to any out not diverted",
               "200 divert 8001 ip from any to any out", NULL);
    route_by("fwmark 7");
    run(IPTABLES " -A FORWARD -j MARK --set-xmark 7");
    look_before("output", "meta mark != 7 drop");
    look_behind("postrouting", "meta mark != 7 drop");
    divert_bound(8001);
    fd = divert_bound(8000);
    send_packet();
    read_packet(fd);
    from.sin_tag = 200;
    write_to(fd, ELSEWHERE, IN_PEER);
    wire_expect(&in0, got, got_len);
    wire_expect_silence(&out0);
}
END_TEST

/* Each has the mark on a socket of its own. */
START_TEST(test_tags_of_parent_and_child_do_not_mix)
{
    int fds[2], turn[2];
    char byte;

    rules_hold(_i, "100 divert 8000 ip from any to any out",
               "200 divert 8001 ip from any to any out", NULL);
    fds[0] = divert_bound(8000);
    fds[1] = divert_bound(8001);
    from = address_make(ANY, 0);
    write_to(fds[0], OUT_PEER, IN_PEER); /* now there is a socket to inherit */
    read_packet(fds[0]);
    ck_assert_int_eq(pipe(turn), 0);
    if (fork() == 0) {
        from = address_make(ANY, 100);
        for (int i = 0; i < 50; i++)
            write_to(fds[0], OUT_PEER, IN_PEER);
        ck_assert_int_eq(write(turn[1], "", 1), 1);
        pause();
    }
    from = address_make(ANY, 0);
    for (int i = 0; i < 50; i++)
        write_to(fds[0], OUT_PEER, IN_PEER);
    ck_assert_int_eq(read(turn[0], &byte, 1), 1);
    for (int i = 0; i < 100; i++) {
        int port = i / 50;

        read_packet(fds[port]);
        ck_assert_int_eq(from.sin_tag, port ? 200 : 100);
    }
    ck_assert(divert_silent(fds[0]) && divert_silent(fds[1]));
}
END_TEST

/* ---- connections ---- */

START_TEST(test_connection_is_known_after_the_verdict)
{
    int fd = divert_bound(PORT);

    run(IPTABLES " -A FORWARD -j CONNMARK --set-mark 9");
    divert_outgoing(PORT);
    look_behind("postrouting", "ct mark != 9 drop");
    send_packet();
    read_packet(fd);
    divert_write(fd, got, got_len, &from);
    wire_expect(&out0, packet, len);
    send_packet();
    read_packet(fd);
    got_len = make_udp(got, IN_PEER, 1111, OUT_PEER, 2222, 77, "longer", 6);
    divert_write(fd, got, got_len, &from);
    wire_expect(&out0, got, got_len);
}
END_TEST

START_TEST(test_nat_goes_on_after_the_verdict)
{
    int fd = divert_bound(PORT);

    run(IPTABLES " -t nat -A POSTROUTING -o out0 -j MASQUERADE");
    divert_outgoing(PORT);
    send_packet();
    read_packet(fd);
    divert_write(fd, got, got_len, &from);
    len = make_udp(packet, OUT_ADDRESS, 1111, OUT_PEER, 2222, 77, "x", 1);
    wire_expect(&out0, packet, len);
}
END_TEST

/* ---- owners ---- */

START_TEST(test_owner_is_known_after_re_entry)
{
    pid_t pid;
    int fd;

    rules_hold(_i, "100 divert 8000 udp from any to any out", NULL);
    fd = divert_bound(8000);
    look_behind("postrouting", "meta skuid != 1234 drop");
    run(IPTABLES " -t mangle -A POSTROUTING -m owner ! --uid-owner 1234 -j DROP");
    pid = fork();
    if (pid == 0) {
        ck_assert_int_eq(setuid(1234), 0);
        send_own();
        pause();
    }
    read_packet(fd);
    divert_write(fd, got, got_len, &from);
    wire_expect(&out0, got, got_len);
    kill(pid, SIGKILL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_forwarded_packet_leaves_by_the_interface_of_its_new_destination,
        test_incoming_packet_is_routed_by_its_new_destination,
        test_rerouted_packet_is_routed_by_its_mark,
        test_rerouted_packet_is_routed_by_its_source,
        test_connection_is_known_after_the_verdict,
        test_nat_goes_on_after_the_verdict,
    };
    const TTest *const in_both_hooks[] = {
        test_own_packet_leaves_by_the_interface_of_its_new_destination,
    };
    const TTest *const with_each_filter[] = {
        test_rewritten_packet_skips_the_rules_up_to_its_tag,
        test_incoming_packet_is_routed_by_its_mark_without_the_tag,
        test_rerouted_packet_is_routed_by_its_mark_without_the_tag,
        test_tags_of_parent_and_child_do_not_mix,
        test_owner_is_known_after_re_entry,
    };
    int failed = run_suite("route", tests, sizeof(tests) / sizeof(tests[0]));

    if (failed == 77)
        return failed;
    failed |= run_suite_with("route in both hooks", in_both_hooks, 1, 2);
    return failed | run_suite_with("route with each packet filter", with_each_filter,
                                   sizeof(with_each_filter) / sizeof(with_each_filter[0]),
                                   rules_backends());
}
