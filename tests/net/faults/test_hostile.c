/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invalid packets: wrong lengths, endless options and extension headers, overlapping fragments,
 * jumbograms, truncated packets, packets in packets; and the same from the program, which writes
 * back what it has damaged. They go on or are dropped, and good ones between them go on. The
 * packets are those of the fuzzer's corpus, each changed many times.
 */
#include "make_packet.h"
#include "packet/packet.h"
#include "wire.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAME_MAX  1500
#define SEEDS_MAX  64
#define ROUNDS     80 /* over all seeds */
#define VARIANTS   8
#define TIMEOUT_MS 10000

struct seed {
    uint8_t bytes[FRAME_MAX];
    size_t len;
};

static struct seed seeds[SEEDS_MAX];
static unsigned seed_count, random_state, came, written_back;
static bool incoming, six, openbsd;
static uint16_t good_id;

static unsigned below(unsigned n)
{
    return (unsigned)rand_r(&random_state) % n;
}

/* In the corpus, each packet is preceded by an MTU. */
static void read_seeds(void)
{
    DIR *directory = opendir(CORPUS);
    const struct dirent *entry;
    char path[1024];

    ck_assert_msg(directory != NULL, "expected the directory %s", CORPUS);
    for (seed_count = 0; (entry = readdir(directory)) && seed_count < SEEDS_MAX;) {
        struct seed *s = &seeds[seed_count];
        FILE *file;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), CORPUS "/%s", entry->d_name);
        file = fopen(path, "rb");
        ck_assert_ptr_nonnull(file);
        fseek(file, 2, SEEK_SET);
        s->len = fread(s->bytes, 1, sizeof(s->bytes), file);
        fclose(file);
        if ((packet_version(s->bytes, s->len) == 6) == six)
            seed_count++;
    }
    closedir(directory);
    ck_assert_uint_ge(seed_count, 8);
}

static void speak_six(void)
{
    const uint8_t *mac = out0.far_mac;

    run("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    run("for i in in0 out0; do echo 0 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done");
    run("ip address add 2001:db8::1/64 dev in0 nodad");
    run("ip address add 2001:db8:1::1/64 dev out0 nodad");
    run("ip neighbour add 2001:db8:1::9 lladdr %02x:%02x:%02x:%02x:%02x:%02x dev out0", mac[0],
        mac[1], mac[2], mac[3], mac[4], mac[5]);
    run("ip6tables -t %s -j NFQUEUE --queue-num %d",
        incoming ? "raw -A PREROUTING -i in0" : "mangle -A POSTROUTING -o out0", PORT);
}

static int open_divert(void)
{
    int family = six ? AF_INET6 : AF_INET;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    int fd;

    if (openbsd)
        setenv("DIVERTSHIM_PERSONALITY", "openbsd", 1);
    fd = socket(family, SOCK_RAW, IPPROTO_DIVERT);
    ck_assert_int_ge(fd, 0);
    if (six)
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
    else
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    return fd;
}

static void damage(uint8_t *packet, size_t len)
{
    for (unsigned changes = below(4); changes && len; changes--)
        packet[below(below(4) ? (len < 64 ? (unsigned)len : 64) : (unsigned)len)] =
            (uint8_t)below(256);
}

static void send_frame(const uint8_t *packet, size_t len)
{
    uint16_t type = htons(packet_version(packet, len) == 6 ? ETH_P_IPV6 : ETH_P_IP);
    uint8_t frame[ETH_HLEN + FRAME_MAX];

    memcpy(frame, in0.near_mac, 6);
    memcpy(frame + 6, in0.far_mac, 6);
    memcpy(frame + 12, &type, 2);
    memcpy(frame + ETH_HLEN, packet, len);
    ck_assert_int_eq(send(in0.fd, frame, ETH_HLEN + len, 0), (ssize_t)(ETH_HLEN + len));
}

/* Sends it as it is, damaged with a right or wrong header checksum, or cut short. */
static void send_hostile(const struct seed *s)
{
    uint8_t packet[FRAME_MAX];
    size_t len = s->len;

    memcpy(packet, s->bytes, len);
    damage(packet, len);
    if (len >= 20 && below(2) && (size_t)(packet[0] & 15) * 4 <= len)
        packet_header_checksum_fix(packet);
    if (len && !below(8))
        len = below((unsigned)len);
    send_frame(packet, len);
}

static bool documented(int error)
{
    static const int errors[] = {EINVAL,      EAFNOSUPPORT, EMSGSIZE, EADDRNOTAVAIL,
                                 ENETUNREACH, EHOSTUNREACH, EACCES,   EPERM};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (error == errors[i])
            return true;
    return false;
}

/* Writes it, or not: many packets are not written, and must leave the queue by themselves. */
static void write_hostile(int fd, uint8_t *packet, size_t len, const struct sockaddr_storage *to,
                          socklen_t size)
{
    unsigned way = below(8);
    ssize_t n;

    if (way == 0)
        return;
    if (way < 4)
        damage(packet, len);
    if (way == 1)
        len = below((unsigned)len + 1);
    n = sendto(fd, packet, len, 0, (const struct sockaddr *)to, way == 2 ? 0 : size);
    ck_assert_msg(n == (ssize_t)len || documented(errno), "expected %zu bytes written, got %zd: %s",
                  len, n, strerror(errno));
    written_back++;
}

static bool is_good(const uint8_t *packet, size_t len)
{
    return packet_version(packet, len) == 4 && len == 29 && packet[28] == '!' &&
           packet[4] == good_id >> 8 && packet[5] == (uint8_t)good_id;
}

/* True if the good one was among them; it is written back unchanged. */
static bool read_all(int fd)
{
    static uint8_t packet[65536];
    bool good = false;

    for (;;) {
        struct sockaddr_storage from;
        socklen_t size = sizeof(from);
        ssize_t n =
            recvfrom(fd, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from, &size);

        if (n < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            return good;
        }
        came++;
        if (is_good(packet, (size_t)n)) {
            good = true;
            ck_assert_int_eq(sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&from, size), n);
        } else {
            write_hostile(fd, packet, (size_t)n, &from, size);
        }
    }
}

static bool wait_for(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, TIMEOUT_MS) == 1;
}

/* Expects an IPv4 packet to go on; if IPv6 is diverted it does not meet the program. */
static void good_one_goes_on(int fd)
{
    uint8_t packet[64], got[65536];
    size_t len, n;
    bool seen = six;

    good_id++;
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, good_id, "!", 1);
    send_frame(packet, len);
    while (!seen) {
        ck_assert_msg(wait_for(fd), "expected the good packet to be diverted");
        seen = read_all(fd);
    }
    do
        n = wire_receive(&out0, got, sizeof(got));
    while (!is_good(got, n));
    ck_assert_mem_eq(got + 12, packet + 12, len - 12);
}

static void nothing_stays_queued(int fd)
{
    for (int waited = 0; queue_waiting(PORT) && waited < TIMEOUT_MS; waited += 20) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        read_all(fd);
    }
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}

START_TEST(test_hostile_packets_do_no_harm)
{
    int fd;

    incoming = _i & 1;
    six = _i & 2;
    openbsd = _i & 4;
    random_state = (unsigned)_i + 1;
    read_seeds();
    fd = open_divert();
    if (six)
        speak_six();
    else if (incoming)
        divert_incoming(PORT);
    else
        divert_outgoing(PORT);
    for (int round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < seed_count; i++)
            send_hostile(&seeds[i]);
        read_all(fd);
        good_one_goes_on(fd);
    }
    nothing_stays_queued(fd);
    ck_assert_uint_ge(came, ROUNDS);
    ck_assert_uint_ge(written_back, ROUNDS / 2);
    printf("%u sent, %u diverted, %u written back\n", ROUNDS * (seed_count + 1), came,
           written_back);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_hostile_packets_do_no_harm};

    return run_suite_with("hostile", tests, 1, VARIANTS);
}
