/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sixty-four packets outstanding at once, half incoming and half outgoing, written back in all the
 * ways that programs do it. Exactly what was written arrives, once a write.
 */
#include "make_packet.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT 64

struct held {
    uint8_t bytes[256];
    size_t len;
    wire_address from;
};

static struct held held[COUNT];
static unsigned seed = 1;

/* The ways in which the packets of a test differ. */
struct kind {
    bool same_payload;
    bool no_id;
    bool outgoing;
};

static size_t make(uint8_t *out, int n, const struct kind *k)
{
    char payload[32];

    snprintf(payload, sizeof(payload), "payload %d", k->same_payload ? 0 : n);
    return make_udp(out, IN_PEER, (uint16_t)(1000 + n), OUT_PEER, 2000,
                    k->no_id ? 0 : (uint16_t)(100 + n), payload, strlen(payload));
}

static int hold(const struct kind *k)
{
    int fd = divert_bound(PORT);

    if (k->outgoing)
        divert_outgoing(PORT);
    else
        divert_incoming(PORT);
    for (int i = 0; i < COUNT; i++) {
        uint8_t packet[256];

        wire_send(&in0, packet, make(packet, i, k));
    }
    for (int i = 0; i < COUNT; i++)
        held[i].len = divert_read(fd, held[i].bytes, sizeof(held[i].bytes), &held[i].from);
    ck_assert_uint_eq(queue_waiting(PORT), COUNT);
    return fd;
}

static void shuffle(int order[COUNT])
{
    for (int i = 0; i < COUNT; i++)
        order[i] = i;
    for (int i = COUNT - 1; i > 0; i--) {
        int j = (int)((unsigned)rand_r(&seed) % (unsigned)(i + 1)), t = order[i];

        order[i] = order[j];
        order[j] = t;
    }
}

static void write_and_expect(int fd, const struct held *h, const wire_address *to)
{
    divert_write(fd, h->bytes, h->len, to);
    wire_expect(&out0, h->bytes, h->len);
}

static void expect_all_done(int fd)
{
    wire_expect_silence(&out0);
    ck_assert(divert_silent(fd));
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}

static const struct kind kinds[] = {
    {false, false, false}, {false, true, false}, {true, true, false}, {true, false, false},
    {false, false, true},  {false, true, true},  {true, true, true},  {true, false, true},
};

static const size_t kind_count = sizeof(kinds) / sizeof(kinds[0]);

START_TEST(test_written_in_reverse_order)
{
    int fd = hold(&kinds[_i]);

    for (int i = COUNT; i-- > 0;)
        write_and_expect(fd, &held[i], &held[i].from);
    expect_all_done(fd);
}
END_TEST

START_TEST(test_written_in_random_order)
{
    int fd = hold(&kinds[_i]), order[COUNT];

    shuffle(order);
    for (int i = 0; i < COUNT; i++)
        write_and_expect(fd, &held[order[i]], &held[order[i]].from);
    expect_all_done(fd);
}
END_TEST

START_TEST(test_written_with_the_address_of_another)
{
    int fd = hold(&kinds[_i]);

    for (int i = 0; i < COUNT; i++)
        write_and_expect(fd, &held[i], &held[(i + 17) % COUNT].from);
    expect_all_done(fd);
}
END_TEST

#ifndef WIRE_IPV6 /* its addresses have no sin_zero */
START_TEST(test_written_with_sin_zero_wiped)
{
    int fd = hold(&kinds[_i]), order[COUNT];

    shuffle(order);
    for (int i = 0; i < COUNT; i++) {
        struct sockaddr_in to = held[order[i]].from;

        memset(to.sin_zero, 0, sizeof(to.sin_zero));
        write_and_expect(fd, &held[order[i]], &to);
    }
    expect_all_done(fd);
}
END_TEST

#endif

/* In place, as a NAT does it, and from a copy, as Python does it. */
START_TEST(test_rewritten_in_addresses_and_ports)
{
    int fd = hold(&kinds[_i]), order[COUNT];

    shuffle(order);
    for (int i = 0; i < COUNT; i++) {
        struct held copy, *h = &held[order[i]], *w = i % 2 ? &copy : h;
        char payload[256];
        size_t size = h->len - HEADER - 8;

        memcpy(payload, h->bytes + HEADER + 8, size);
        w->len = make_udp(w->bytes, IN_OTHER, (uint16_t)(5000 + i), OUT_PEER, 6000,
                          (uint16_t)packet_id(h->bytes), payload, size);
        write_and_expect(fd, w, &h->from);
    }
    expect_all_done(fd);
}
END_TEST

START_TEST(test_rewritten_in_payload_and_length)
{
    int fd = hold(&kinds[_i]), order[COUNT];

    shuffle(order);
    for (int i = 0; i < COUNT; i++) {
        struct held *h = &held[order[i]];
        char payload[100];

        memset(payload, 'a' + i % 26, sizeof(payload));
        h->len = make_udp(h->bytes, IN_PEER, (uint16_t)(1000 + order[i]), OUT_PEER, 2000,
                          (uint16_t)packet_id(h->bytes), payload, (size_t)(order[i] + 1));
        write_and_expect(fd, h, &h->from);
    }
    expect_all_done(fd);
}
END_TEST

START_TEST(test_rewritten_completely)
{
    int fd = hold(&kinds[_i]), order[COUNT];

    shuffle(order);
    for (int i = 0; i < COUNT; i++) {
        struct held *h = &held[order[i]];
        char payload[100];

        memset(payload, 'A' + i % 26, sizeof(payload));
        h->len = make_udp(h->bytes, IN_OTHER, (uint16_t)(5000 + i), OUT_PEER, 6000, 0, payload,
                          (size_t)(order[i] + 1));
        write_and_expect(fd, h, &h->from);
    }
    expect_all_done(fd);
}
END_TEST

START_TEST(test_some_are_never_written)
{
    int fd = hold(&kinds[_i]);

    for (int i = 0; i < COUNT; i += 3)
        write_and_expect(fd, &held[i], &held[i].from);
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(PORT), COUNT - (COUNT + 2) / 3);
}
END_TEST

/*
 * The first write is the verdict; the second is injected, or becomes the verdict of one that looks
 * alike.
 */
START_TEST(test_some_are_written_twice)
{
    int fd = hold(&kinds[_i]);

    for (int i = 0; i < COUNT; i++) {
        for (int n = 0; n <= i % 2; n++) {
            divert_write(fd, held[i].bytes, held[i].len, &held[i].from);
            wire_expect_with_any_id(&out0, held[i].bytes, held[i].len);
        }
    }
    expect_all_done(fd);
}
END_TEST

START_TEST(test_some_are_written_seconds_later)
{
    int fd = hold(&kinds[_i]);

    for (int i = 0; i < COUNT; i += 2)
        write_and_expect(fd, &held[i], &held[i].from);
    sleep(2);
    ck_assert(divert_silent(fd));
    for (int i = 1; i < COUNT; i += 2)
        write_and_expect(fd, &held[i], &held[i].from);
    expect_all_done(fd);
}
END_TEST

/*
 * Incoming packets written as outgoing, and vice versa: injected, once each. The packet that was
 * read no longer waits.
 */
static int write_the_other_way(const struct kind *k)
{
    wire_address to = address_make(k->outgoing ? IN_ADDRESS : ANY, 0);
    int fd = hold(k);

    for (int i = 0; i < COUNT; i++) {
        divert_write(fd, held[i].bytes, held[i].len, &to);
        wire_expect_with_any_id(&out0, held[i].bytes, held[i].len);
        ck_assert_uint_eq(queue_waiting(PORT), (unsigned)(COUNT - 1 - i));
    }
    return fd;
}

START_TEST(test_written_in_the_other_direction)
{
    int fd = write_the_other_way(&kinds[_i]);

    wire_expect_silence(&out0);
    ck_assert(divert_silent(fd));
}
END_TEST

/* What is then written in its own direction is injected, too: each write is a packet. */
START_TEST(test_written_in_the_other_direction_and_then_in_its_own)
{
    int fd = write_the_other_way(&kinds[_i]);

    for (int i = 0; i < COUNT; i++) {
        divert_write(fd, held[i].bytes, held[i].len, &held[i].from);
        wire_expect_with_any_id(&out0, held[i].bytes, held[i].len);
    }
    expect_all_done(fd);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_written_in_reverse_order,
        test_written_in_random_order,
        test_written_with_the_address_of_another,
#ifndef WIRE_IPV6
        test_written_with_sin_zero_wiped,
#endif
        test_rewritten_in_addresses_and_ports,
        test_rewritten_in_payload_and_length,
        test_rewritten_completely,
        test_some_are_never_written,
        test_some_are_written_twice,
        test_some_are_written_seconds_later,
        test_written_in_the_other_direction,
        test_written_in_the_other_direction_and_then_in_its_own,
    };

    return run_suite_with("match", tests, sizeof(tests) / sizeof(tests[0]), (int)kind_count);
}
