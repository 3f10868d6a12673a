/* SPDX-License-Identifier: BSD-2-Clause */
/* Matching written packets to those that were read. */
#include "divert/in_flight.h"
#include "make_packet.h"
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct in_flight *in_flight;
static const struct in_flight_direction outgoing = {.incoming = false};

static void setup(void)
{
    in_flight = calloc(1, sizeof(*in_flight));
}

static void teardown(void)
{
    free(in_flight);
}

/* One packet of a test: number n, with its own address and port; the rest as given. */
struct sample {
    const char *src;
    uint16_t sport, id;
    const char *payload;
};

static struct packet_keys keys_of(const struct sample *s)
{
    uint8_t bytes[256];
    struct packet_keys keys;

    packet_keys(
        1, bytes,
        make_udp(bytes, s->src, s->sport, "192.0.2.2", 53, s->id, s->payload, strlen(s->payload)),
        &keys);
    return keys;
}

static void add(uint32_t id, const struct sample *s, uintptr_t buffer)
{
    struct in_flight_packet evicted, p = {.id = id, .buffer = buffer, .keys = keys_of(s)};

    ck_assert(!in_flight_add(in_flight, &p, &evicted));
}

/* The id of the packet that a written one is matched to, 0 for none. */
static uint32_t match(const struct sample *s, uintptr_t buffer,
                      const struct in_flight_direction *direction)
{
    struct packet_keys keys = keys_of(s);
    struct in_flight_packet found;

    return in_flight_match(in_flight, &keys, buffer, direction, &found) ? found.id : 0;
}

static void add_numbered(uint32_t id, uint16_t queue)
{
    struct in_flight_packet evicted, p = {.id = id, .queue = queue};

    in_flight_add(in_flight, &p, &evicted);
}

static void take_oldest(void)
{
    struct in_flight_packet oldest;

    ck_assert(in_flight_expire(in_flight, &oldest));
}

START_TEST(test_whether_all_come_after_a_packet)
{
    ck_assert(in_flight_all_after(in_flight, 1, 100));
    add_numbered(0xffffffff, 1);
    add_numbered(2, 1);
    ck_assert(in_flight_all_after(in_flight, 1, 0xfffffffe));
    ck_assert(!in_flight_all_after(in_flight, 1, 0xffffffff));
    ck_assert(!in_flight_all_after(in_flight, 1, 3));
    ck_assert(!in_flight_all_after(in_flight, 2, 0xfffffffe));
    take_oldest();
    ck_assert(in_flight_all_after(in_flight, 1, 1));
}
END_TEST

/* After a repeated packet, or one of another queue, nothing is known until all have left. */
START_TEST(test_whether_all_come_after_in_another_order)
{
    add_numbered(5, 1);
    add_numbered(_i ? 4 : 6, _i ? 1 : 2);
    add_numbered(7, 1);
    ck_assert(!in_flight_all_after(in_flight, 1, 1));
    take_oldest();
    take_oldest();
    ck_assert(!in_flight_all_after(in_flight, 1, 1));
    take_oldest();
    add_numbered(8, 1);
    ck_assert(in_flight_all_after(in_flight, 1, 1));
}
END_TEST

START_TEST(test_unchanged_packet_matches_whatever_its_buffer)
{
    struct sample a = {"10.0.0.1", 1, 7, "a"}, b = {"10.0.0.1", 1, 8, "b"};

    add(1, &a, 100);
    add(2, &b, 100);
    ck_assert_uint_eq(match(&a, 999, &outgoing), 1);
    ck_assert_uint_eq(match(&b, 999, &outgoing), 2);
}
END_TEST

START_TEST(test_same_bytes_are_found_in_any_direction)
{
    static const struct in_flight_direction incoming = {.incoming = true};
    struct sample a = {"10.0.0.1", 1, 7, "a"}, rewritten = {"198.51.100.1", 1, 7, "a"};
    struct packet_keys keys = keys_of(&rewritten);
    struct in_flight_packet found;

    ck_assert(!in_flight_take_exact(in_flight, &keys, 100, &found));
    add(1, &a, 100);
    ck_assert(!in_flight_take_exact(in_flight, &keys, 100, &found));
    keys = keys_of(&a);
    ck_assert_uint_eq(match(&a, 999, &incoming), 0);
    ck_assert(in_flight_take_exact(in_flight, &keys, 999, &found));
    ck_assert_uint_eq(found.id, 1);
    ck_assert_uint_eq(in_flight->count, 0);
}
END_TEST

START_TEST(test_second_write_matches_nothing)
{
    struct sample a = {"10.0.0.1", 1, 7, "a"};

    add(1, &a, 100);
    ck_assert_uint_eq(match(&a, 100, &outgoing), 1);
    ck_assert_uint_eq(match(&a, 100, &outgoing), 0);
}
END_TEST

START_TEST(test_translated_packets_match_in_any_order)
{
    char payload[64][8];
    struct sample s = {"10.0.0.1", 1, 0, NULL};

    for (uint32_t i = 0; i < 64; i++) {
        snprintf(payload[i], sizeof(payload[i]), "p%u", i);
        s.payload = payload[i];
        add(i + 1, &s, 100);
    }
    s.src = "198.51.100.1";
    s.sport = 4000;
    for (uint32_t i = 64; i-- > 0;) {
        s.payload = payload[i];
        ck_assert_uint_eq(match(&s, 999, &outgoing), i + 1);
    }
}
END_TEST

START_TEST(test_rewritten_payloads_match_by_flow)
{
    struct sample a = {"10.0.0.1", 1, 0, "a"}, b = {"10.0.0.1", 2, 0, "a"};

    add(1, &a, 100);
    add(2, &b, 100);
    b.payload = a.payload = "something longer";
    ck_assert_uint_eq(match(&b, 999, &outgoing), 2);
    ck_assert_uint_eq(match(&a, 999, &outgoing), 1);
}
END_TEST

START_TEST(test_all_rewritten_but_the_id_matches)
{
    struct sample a = {"10.0.0.1", 1, 77, "a"}, b = {"10.0.0.1", 2, 78, "a"};

    add(1, &a, 100);
    add(2, &b, 100);
    a = (struct sample){"198.51.100.1", 9, 77, "other"};
    b = (struct sample){"198.51.100.1", 9, 78, "other"};
    ck_assert_uint_eq(match(&b, 999, &outgoing), 2);
    ck_assert_uint_eq(match(&a, 999, &outgoing), 1);
}
END_TEST

START_TEST(test_all_rewritten_matches_by_buffer)
{
    struct sample a = {"10.0.0.1", 1, 0, "a"}, b = {"10.0.0.1", 2, 0, "b"};
    struct sample other = {"198.51.100.1", 9, 0, "other"};

    add(1, &a, 100);
    add(2, &b, 200);
    ck_assert_uint_eq(match(&other, 200, &outgoing), 2);
    ck_assert_uint_eq(match(&other, 100, &outgoing), 1);
    ck_assert_uint_eq(match(&other, 100, &outgoing), 0);
}
END_TEST

/* A program that drops most packets reads them all into one buffer: the last one is meant. */
START_TEST(test_buffer_means_the_packet_read_last)
{
    struct sample a = {"10.0.0.1", 1, 0, "a"}, b = {"10.0.0.1", 2, 0, "b"};
    struct sample other = {"198.51.100.1", 9, 0, "other"};

    add(1, &a, 100);
    add(2, &b, 100);
    ck_assert_uint_eq(match(&other, 100, &outgoing), 2);
}
END_TEST

START_TEST(test_equal_packets_leave_in_order)
{
    struct sample a = {"10.0.0.1", 1, 0, "a"};

    for (uint32_t i = 1; i <= 100; i++)
        add(i, &a, 100);
    for (uint32_t i = 1; i <= 100; i++)
        ck_assert_uint_eq(match(&a, 100, &outgoing), i);
}
END_TEST

START_TEST(test_other_direction_does_not_match)
{
    struct sample a = {"10.0.0.1", 1, 7, "a"};
    struct in_flight_direction in = {.incoming = true, .indev = 3}, elsewhere = {true, 4};
    struct in_flight_packet evicted,
        p = {.id = 1, .incoming = true, .indev = 3, .keys = keys_of(&a)};

    in_flight_add(in_flight, &p, &evicted);
    ck_assert_uint_eq(match(&a, 0, &outgoing), 0);
    ck_assert_uint_eq(match(&a, 0, &elsewhere), 0);
    ck_assert_uint_eq(match(&a, 0, &in), 1);
}
END_TEST

START_TEST(test_full_table_gives_up_the_oldest)
{
    struct in_flight_packet evicted, p = {.id = 0};

    for (uint32_t i = 0; i < IN_FLIGHT_SIZE; i++) {
        p.id = i;
        p.keys.exact = i;
        p.keys.survivor = p.keys.flow = i;
        ck_assert(!in_flight_add(in_flight, &p, &evicted));
    }
    ck_assert(in_flight_add(in_flight, &p, &evicted));
    ck_assert_uint_eq(evicted.id, 0);
    ck_assert_uint_eq(in_flight_oldest(in_flight)->id, 1);
    ck_assert_uint_eq(in_flight->count, IN_FLIGHT_SIZE);
}
END_TEST

START_TEST(test_expiry_goes_by_age)
{
    struct sample a = {"10.0.0.1", 1, 7, "a"};
    struct in_flight_packet p;

    add(1, &a, 0);
    add(2, &a, 0);
    ck_assert(in_flight_expire(in_flight, &p));
    ck_assert_uint_eq(p.id, 1);
    ck_assert(in_flight_expire(in_flight, &p));
    ck_assert_uint_eq(p.id, 2);
    ck_assert(!in_flight_expire(in_flight, &p));
    ck_assert_ptr_null(in_flight_oldest(in_flight));
}
END_TEST

/* Entries come and go at random; the table must agree with a plain list. */
START_TEST(test_table_agrees_with_a_list_after_many_changes)
{
    static bool present[1000];
    unsigned state = 7, count = 0;

    for (int round = 0; round < 200000; round++) {
        uint32_t n = (uint32_t)rand_r(&state) % 1000;
        struct in_flight_packet evicted, found, p = {.id = n, .buffer = n % 5};

        p.keys = (struct packet_keys){.exact = n, .survivor = n, .flow = n, .ident = n + 1};
        if (present[n]) {
            ck_assert(in_flight_match(in_flight, &p.keys, p.buffer, &outgoing, &found));
            ck_assert_uint_eq(found.id, n);
            count--;
        } else {
            ck_assert(!in_flight_add(in_flight, &p, &evicted));
            count++;
        }
        present[n] = !present[n];
        ck_assert_uint_eq(in_flight->count, count);
    }
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("in_flight", setup, teardown, 0);

    runner_add(&runner, test_whether_all_come_after_a_packet, 1);
    runner_add(&runner, test_whether_all_come_after_in_another_order, 2);
    runner_add(&runner, test_unchanged_packet_matches_whatever_its_buffer, 1);
    runner_add(&runner, test_same_bytes_are_found_in_any_direction, 1);
    runner_add(&runner, test_second_write_matches_nothing, 1);
    runner_add(&runner, test_translated_packets_match_in_any_order, 1);
    runner_add(&runner, test_rewritten_payloads_match_by_flow, 1);
    runner_add(&runner, test_all_rewritten_but_the_id_matches, 1);
    runner_add(&runner, test_all_rewritten_matches_by_buffer, 1);
    runner_add(&runner, test_buffer_means_the_packet_read_last, 1);
    runner_add(&runner, test_equal_packets_leave_in_order, 1);
    runner_add(&runner, test_other_direction_does_not_match, 1);
    runner_add(&runner, test_full_table_gives_up_the_oldest, 1);
    runner_add(&runner, test_expiry_goes_by_age, 1);
    runner_add(&runner, test_table_agrees_with_a_list_after_many_changes, 1);
    return runner_run(&runner);
}
