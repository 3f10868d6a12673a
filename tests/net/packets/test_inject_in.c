/* SPDX-License-Identifier: BSD-2-Clause */
/* Incoming packets that a program writes without having read them. */
#include "make_packet.h"
#include "rules.h"
#include "sandbox.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAG      100
#define TAG_MARK "0x640000"

static uint8_t packet[65536], payload[65536];
static size_t len;

static void make(const char *from, const char *to, uint16_t id, size_t size)
{
    for (size_t i = 0; i < size; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    len = make_udp(packet, from, 1111, to, 2222, id, payload, size);
}

static int udp_listen(void)
{
    return udp_socket(2222);
}

static void expect_datagram(int fd, const void *expected, size_t size)
{
    static uint8_t got[65536];
    struct pollfd p = {.fd = fd, .events = POLLIN};

    ck_assert_msg(poll(&p, 1, 5000) == 1, "expected a datagram of %zu bytes, nothing came", size);
    ck_assert_int_eq(recv(fd, got, sizeof(got), 0), (ssize_t)size);
    ck_assert_mem_eq(got, expected, size);
}

static void expect_no_datagram(int fd)
{
    char byte;

    ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
}

#ifdef WIRE_IPV6
/* An interface is named by its first address. If it has none, the test gives it one. */
static const char *address_of_interface(const char *name)
{
    static char text[INET6_ADDRSTRLEN];
    char command[200];
    FILE *f;

    if (strcmp(name, "lo") == 0)
        return "::1";
    snprintf(command, sizeof(command),
             "ip -6 -o address show dev %s | grep -q inet6 || "
             "ip -6 address add fe80::9/64 dev %s nodad",
             name, name);
    run("%s", command);
    snprintf(command, sizeof(command),
             "ip -6 -o address show dev %s | sed -n 's,.*inet6 \\([^/]*\\)/.*,\\1,p'", name);
    f = popen(command, "r");
    ck_assert(f && fscanf(f, "%45s", text) == 1);
    pclose(f);
    return text;
}
#endif

static void write_incoming(int fd, const char *interface)
{
#ifdef WIRE_IPV6
    wire_address to = address_make(address_of_interface(interface), TAG);
#else
    wire_address to = address_make("9.9.9.9", TAG);

    snprintf((char *)to.sin_zero, sizeof(to.sin_zero), "%s", interface);
#endif
    divert_write(fd, packet, len, &to);
}

/* Drops all packets on arrival except those with the tag from that interface. */
static void let_in_only(const char *interface)
{
    char statement[200];

    setenv("DIVERTSHIM_TAGS", "1", 1);
    snprintf(statement, sizeof(statement), "iifname != \"%s\" drop", interface);
    look_before("prerouting", statement);
    look_before("prerouting", "meta mark != " TAG_MARK " drop");
}

START_TEST(test_incoming_is_forwarded)
{
    let_in_only("in0");
    make(IN_PEER, OUT_PEER, 77, 100);
    write_incoming(divert_socket(), "in0");
    wire_expect(&out0, packet, len);
    wire_expect_silence(&out0);
}
END_TEST

START_TEST(test_incoming_is_for_the_host)
{
    int udp = udp_listen();

    let_in_only("in0");
    make(IN_PEER, IN_ADDRESS, 77, 100);
    write_incoming(divert_socket(), "in0");
    expect_datagram(udp, payload, 100);
    expect_no_datagram(udp);
}
END_TEST

START_TEST(test_incoming_by_the_address_of_the_interface)
{
    wire_address to = address_make(SPARE, TAG);

    run(IP " address add " SPARE "/" SPARE_LEN " dev in0");
    let_in_only("in0");
    make(IN_PEER, OUT_PEER, 77, 100);
    divert_write(divert_socket(), packet, len, &to);
    wire_expect(&out0, packet, len);
}
END_TEST

#ifdef WIRE_IPV6
#define DEVICE      "2001:db8:9::1"
#define DEVICE_PEER "2001:db8:9::2"
#define ADD_DEVICE  "ip address add " DEVICE "/64 nodad dev"
#define DEVICE_MTU  "1280"
#else
#define DEVICE      "10.9.0.1"
#define DEVICE_PEER "10.9.0.2"
#define ADD_DEVICE  "ip address add " DEVICE "/24 dev"
#define DEVICE_MTU  "576"
#endif

/* Devices of other kinds, each with the address DEVICE; where packets for "arrives" arrive. */
static const struct device {
    const char *make;
    const char *named;
    const char *arrives;
} devices[] = {
    {"ip tuntap add tun9 mode tun && " ADD_DEVICE " tun9 && ip link set tun9 up", "tun9", "tun9"},
    {"ip tuntap add tap9 mode tap && " ADD_DEVICE " tap9 && ip link set tap9 up", "tap9", "tap9"},
    {"ip link add br9 type bridge && " ADD_DEVICE " br9 && ip link set br9 up", "br9", "br9"},
    {"ip link add br9 type bridge && ip link add p9 type veth peer name q9 && "
     "ip link set p9 master br9 && " ADD_DEVICE " br9 && ip link set br9 up && "
     "ip link set q9 up && ip link set p9 up",
     "p9", "br9"},
    {"ip link add mv9 link in0 type macvlan && " ADD_DEVICE " mv9 && "
     "ip link set mv9 up",
     "mv9", "mv9"},
    {"ip link add v9 mtu " DEVICE_MTU " type veth peer name w9 && " ADD_DEVICE " v9 && "
     "ip link set v9 up && ip link set w9 up",
     "v9", "v9"},
    {"ip link set lo mtu 1500 && " ADD_DEVICE " lo", "lo", "lo"},
};

#define DEVICES (sizeof(devices) / sizeof(devices[0]))

START_TEST(test_incoming_on_other_devices)
{
    const struct device *d = &devices[_i];
    int udp = udp_listen();

    run("%s", d->make);
    let_in_only(d->arrives);
    make(DEVICE_PEER, DEVICE, 77, 1300);
    write_incoming(divert_socket(), d->named);
    expect_datagram(udp, payload, 1300);
    expect_no_datagram(udp);
    make(DEVICE_PEER, OUT_PEER, 78, 1300);
    if (strcmp(d->named, "lo") == 0)
        make(IN_PEER, OUT_PEER, 78, 1300);
    write_incoming(divert_socket(), d->named);
    wire_expect(&out0, packet, len);
    wire_expect_silence(&out0);
}
END_TEST

#define LARGEST (65535 - HEADER - 8) /* bytes of payload */

#ifdef WIRE_IPV6
/* Routers do not fragment IPv6: the sender gets an error. */
static void expect_too_big(size_t size)
{
    static uint8_t got[2000];

    ck_assert_uint_gt(wire_receive(&in0, got, sizeof(got)), 48);
    ck_assert_int_eq(got[40], 2);
    ck_assert_int_eq(got[46] << 8 | got[47], 1500);
    ck_assert_mem_eq(got + 48 + 8, packet + 8, 32);
    ck_assert_uint_lt(size, len);
    wire_expect_silence(&out0);
}
#endif

START_TEST(test_incoming_above_the_mtu_arrives_whole)
{
    int udp = udp_listen();

    let_in_only("in0");
    look_before("prerouting", "meta length < 5028 drop");
    make(IN_PEER, IN_ADDRESS, 77, 5000);
    write_incoming(divert_socket(), "in0");
    expect_datagram(udp, payload, 5000);
    make(IN_PEER, IN_ADDRESS, 78, LARGEST);
    write_incoming(divert_socket(), "in0");
    expect_datagram(udp, payload, LARGEST);
    make(IN_PEER, OUT_PEER, 79, 5000);
    write_incoming(divert_socket(), "in0");
#ifdef WIRE_IPV6
    expect_too_big(5000);
#else
    packet[8]--;
    wire_expect_fragments(&out0, packet, len, 1500, HEADER, 0);
#endif
}
END_TEST

START_TEST(test_incoming_on_lo_from_and_to_the_host_itself)
{
    static const char *const ends[][2] = {
#ifdef WIRE_IPV6
        {"::1", "::1"},
#else
        {"127.0.0.1", "127.0.0.1"}, {"127.0.0.1", "127.1.2.3"}, {IN_PEER, "127.0.0.1"},
#endif
        {IN_ADDRESS, IN_ADDRESS},
        {OUT_ADDRESS, IN_ADDRESS},
    };
    int udp = udp_listen(), fd;

    let_in_only("lo");
    look_behind("output", "udp dport 2222 drop");
    look_behind("postrouting", "udp dport 2222 drop");
    fd = divert_socket();
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        make(ends[i][0], ends[i][1], 77, 100);
        write_incoming(fd, "lo");
        expect_datagram(udp, payload, 100);
        expect_no_datagram(udp);
    }
}
END_TEST

START_TEST(test_incoming_is_not_diverted_again_by_rules_by_hand)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    make(IN_PEER, OUT_PEER, 77, 1);
    for (int i = 0; i < 100; i++) {
        write_incoming(fd, "in0");
        wire_expect(&out0, packet, len);
    }
    ck_assert(divert_silent(fd));
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

#ifndef WIRE_IPV6
START_TEST(test_incoming_with_a_wrong_checksum_is_dropped)
{
    make(IN_PEER, OUT_PEER, 77, 1);
    packet[10] ^= 1;
    write_incoming(divert_socket(), "in0");
    wire_expect_silence(&out0);
}
END_TEST

#endif

/* ---- without TCX or BPF ---- */

/* Linux before 6.6 has no TCX. */
START_TEST(test_incoming_without_tcx)
{
    int udp = udp_listen();

    let_in_only("in0");
    forbid_command(SYS_bpf, BPF_LINK_CREATE, EINVAL);
    make(IN_PEER, IN_ADDRESS, 77, 100);
    write_incoming(divert_socket(), "in0");
    expect_datagram(udp, payload, 100);
    run("tc filter show dev divert0 ingress | grep -q divert_inject");
}
END_TEST

static int count_in_file(int fd, const char *text)
{
    static char content[65536];
    ssize_t n = pread(fd, content, sizeof(content) - 1, 0);
    int count = 0;

    ck_assert_int_ge(n, 0);
    content[n] = 0;
    for (const char *at = content; (at = strstr(at, text)); at++)
        count++;
    return count;
}

START_TEST(test_incoming_without_bpf_arrives_on_the_tap_with_one_warning)
{
    int udp = udp_listen(), errors = memfd_create("stderr", MFD_CLOEXEC), old = dup(STDERR_FILENO);
    int fd;

    forbid_call(SYS_bpf, EPERM);
    look_before("prerouting", "udp dport 2222 iifname != \"divert0\" drop");
    dup2(errors, STDERR_FILENO);
    fd = divert_socket();
    make(IN_PEER, IN_ADDRESS, 77, 100);
    for (int i = 0; i < 3; i++) {
        write_incoming(fd, "in0");
        expect_datagram(udp, payload, 100);
    }
    make(IN_PEER, OUT_PEER, 77, 100);
    write_incoming(fd, "in0");
    wire_expect(&out0, packet, len);
    dup2(old, STDERR_FILENO);
    ck_assert_int_eq(count_in_file(errors, "BPF is not permitted"), 1);
    ck_assert_int_eq(count_in_file(errors, "\n"), 1);
}
END_TEST

static void expect_no_trace(void)
{
    run("! ip link show | grep divert");
}

START_TEST(test_device_goes_with_the_last_socket)
{
    int first = divert_socket(), second = divert_socket();

    if (_i)
        forbid_command(SYS_bpf, BPF_LINK_CREATE, EINVAL);
    make(IN_PEER, OUT_PEER, 77, 100);
    write_incoming(first, "in0");
    wire_expect(&out0, packet, len);
    close(first);
    run("ip link show divert0 >/dev/null");
    write_incoming(second, "in0");
    wire_expect(&out0, packet, len);
    close(second);
    expect_no_trace();
    write_incoming(divert_socket(), "in0");
    wire_expect(&out0, packet, len);
}
END_TEST

START_TEST(test_device_goes_with_a_killed_program)
{
    int status;
    pid_t pid;

    make(IN_PEER, OUT_PEER, 77, 100);
    pid = fork();
    if (pid == 0) {
        write_incoming(divert_socket(), "in0");
        pause();
    }
    wire_expect(&out0, packet, len);
    run("ip link show divert0 >/dev/null");
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    expect_no_trace();
}
END_TEST

/* The device shows no address, no IPv6, and no packets of its own. */
START_TEST(test_device_is_silent)
{
    make(IN_PEER, OUT_PEER, 77, 100);
    write_incoming(divert_socket(), "in0");
    wire_expect(&out0, packet, len);
    run("test -z \"$(ip -o address show dev divert0)\"");
    run("grep -Eq '^ *divert0:( +[0-9]+){8} +0 ' /proc/self/net/dev");
}
END_TEST

int main(void)
{
    const TTest *const incoming[] = {
        test_incoming_is_forwarded,
        test_incoming_is_for_the_host,
        test_incoming_by_the_address_of_the_interface,
        test_incoming_above_the_mtu_arrives_whole,
        test_incoming_on_lo_from_and_to_the_host_itself,
        test_incoming_is_not_diverted_again_by_rules_by_hand,
#ifndef WIRE_IPV6
        test_incoming_with_a_wrong_checksum_is_dropped,
#endif
        test_incoming_without_tcx,
        test_incoming_without_bpf_arrives_on_the_tap_with_one_warning,
        test_device_goes_with_a_killed_program,
        test_device_is_silent,
    };
    const TTest *const each_device[] = {test_incoming_on_other_devices};
    const TTest *const each_attachment[] = {test_device_goes_with_the_last_socket};
    int failed = run_suite("incoming", incoming, sizeof(incoming) / sizeof(incoming[0]));

    if (failed == 77)
        return failed;
    failed |= run_suite_with("devices", each_device, 1, DEVICES);
    return failed | run_suite_with("attachments", each_attachment, 1, 2);
}
