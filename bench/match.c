/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cost of adding a packet that was read to the in-flight table and matching it when it is
 * written, by the number of others outstanding. Prints nanoseconds a packet, the keys of both
 * packets included; the cost must stay flat.
 */
#include "divert/in_flight.h"
#include "packet/packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LENGTH  64     /* bytes a packet */
#define ROUNDS  100000 /* packets a measurement */
#define REPEATS 20     /* the fastest counts: the machine may have other work */
#define POOL    16384  /* different packets */

enum rewriting { NOTHING, ADDRESS, PAYLOAD, WAYS };

static const char *const names[WAYS] = {"unchanged", "address and port rewritten",
                                        "payload rewritten"};
static const unsigned outstanding[] = {1, 10, 100, 1000, 10000};

static uint8_t pool[POOL][LENGTH];
static struct in_flight in_flight;

/* UDP packets of many flows, each with its own port, id and payload. */
static void make_pool(void)
{
    for (unsigned i = 0; i < POOL; i++) {
        uint8_t *p = pool[i];
        const uint8_t head[] = {0x45,
                                0,
                                0,
                                LENGTH,
                                (uint8_t)(i >> 8),
                                (uint8_t)i,
                                0,
                                0,
                                64,
                                17,
                                0,
                                0,
                                10,
                                1,
                                0,
                                2,
                                192,
                                0,
                                2,
                                2,
                                (uint8_t)(i >> 8),
                                (uint8_t)i,
                                0,
                                53,
                                0,
                                LENGTH - 20,
                                0,
                                0};

        memcpy(p, head, sizeof(head));
        for (unsigned at = sizeof(head); at < LENGTH; at++)
            p[at] = (uint8_t)(i * 31 + at);
    }
}

static uintptr_t buffer_of(unsigned i)
{
    return 0x10000 + (uintptr_t)(i % POOL) * 2048;
}

static void add(unsigned i)
{
    struct in_flight_packet evicted, packet = {
                                         .id = i,
                                         .len = LENGTH,
                                         .incoming = true,
                                         .indev = 2,
                                         .buffer = buffer_of(i),
                                     };

    packet_keys(1, pool[i % POOL], LENGTH, &packet.keys);
    in_flight_add(&in_flight, &packet, &evicted);
}

/* Written from a copy elsewhere: the buffer is no help. */
static void match(unsigned i, enum rewriting how)
{
    static const struct in_flight_direction direction = {.incoming = true, .indev = 2};
    struct packet_keys keys;
    struct in_flight_packet found;
    uint8_t copy[LENGTH];

    memcpy(copy, pool[i % POOL], LENGTH);
    if (how == ADDRESS) {
        memset(copy + 12, 77, 4);
        copy[20] ^= 0x55;
    }
    if (how == PAYLOAD)
        memset(copy + 28, 'x', LENGTH - 28);
    packet_keys(1, copy, LENGTH, &keys);
    if (!in_flight_match(&in_flight, &keys, 1, &direction, &found) || found.id != i) {
        fprintf(stderr, "match: packet %u was not found among the others\n", i);
        exit(1);
    }
}

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* One packet comes and the oldest goes, with the same number outstanding all the time. */
static double measure(unsigned count, enum rewriting how)
{
    unsigned next = 0;
    double start;

    in_flight_reset(&in_flight);
    while (next < count - 1)
        add(next++);
    start = now_ns();
    for (unsigned i = 0; i < ROUNDS; i++) {
        add(next++);
        match(i, how);
    }
    return (now_ns() - start) / ROUNDS;
}

static double best_of_many(unsigned count, enum rewriting how)
{
    double best = measure(count, how);

    for (int i = 1; i < REPEATS; i++) {
        double ns = measure(count, how);

        best = ns < best ? ns : best;
    }
    return best;
}

int main(void)
{
    make_pool();
    printf("%-28s", "ns a packet, outstanding:");
    for (size_t i = 0; i < sizeof(outstanding) / sizeof(outstanding[0]); i++)
        printf("%8u", outstanding[i]);
    for (int how = 0; how < WAYS; how++) {
        printf("\n%-28s", names[how]);
        for (size_t i = 0; i < sizeof(outstanding) / sizeof(outstanding[0]); i++)
            printf("%8.0f", best_of_many(outstanding[i], (enum rewriting)how));
    }
    printf("\n");
    return 0;
}
