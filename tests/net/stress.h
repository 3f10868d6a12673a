/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests that repeat something for a while under load: clocks, sleeping threads, and packets
 * with numbers of 32 bits.
 */
#ifndef STRESS_H
#define STRESS_H

#include "wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SOON_MS      10000 /* nothing waits so long unless it fails */
#define SMALL_PACKET 32    /* bytes of a packet with a number */
#define IN_ADDRESS_N 0x0a010001u

/* Seconds on a clock that only goes forward. */
double stress_clock(void);

/* When a stress that begins now is over: after $DIVERT_STRESS_SECONDS, 2 by default. */
double stress_end(void);

/* Waits until a thread of this process sleeps in the kernel. */
void wait_until_asleep(pid_t tid);

/* The same for a process. */
void wait_until_process_sleeps(pid_t pid);

/* How many threads this process has, as the kernel lists them. */
int count_threads(void);

/* Waits for a child for some seconds; kills it and fails the test if it does not end. */
int wait_for_child(pid_t pid);

/* A packet of SMALL_PACKET bytes with that number as payload; buffer has room for it. */
void make_small(uint8_t *buffer, uint32_t number);

/* The number in a packet. */
uint32_t small_number(const uint8_t *packet);

/* Sends such a packet into in0. */
void send_small(uint32_t number);

/*
 * A thread that sends packets with the numbers from 0 on into in0, never more than ahead above
 * what *taken counts, until flood_stop(); that returns how many were sent.
 */
struct flood {
    pthread_t thread;
    _Atomic bool stop;
    _Atomic uint32_t sent;
    _Atomic uint32_t *taken;
    uint32_t ahead, max;
};

void flood_start(struct flood *f, _Atomic uint32_t *taken, uint32_t ahead, uint32_t max);
uint32_t flood_stop(struct flood *f);

/* Shared memory for a test and its children, zeroed. */
void *shared_memory(size_t size);

#endif
