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

/* Lets each test take as much longer as its stress does. For main(). */
void stress_allow_time(void);

/* Whether a thread, or the first thread of a process, sleeps in the kernel. */
bool is_asleep(pid_t tid);

/* Waits until it does. */
void wait_until_asleep(pid_t tid);

/*
 * Waits until the thread sleeps whose id a child of ours puts to *tid, or until the child has
 * ended, which wait(2) still tells then.
 */
void wait_until_child_sleeps(pid_t child, const _Atomic pid_t *tid);
bool has_ended(pid_t child);

/* How many threads this process has, as the kernel lists them. */
int count_threads(void);

/* Waits for a child for some seconds; kills it and fails the test if it does not end. */
int wait_for_child(pid_t pid);

/* Makes a child by _Fork(), by the raw system call clone(2), or by fork(2). */
enum { BY_FORK, BY_RAW_FORK, BY_CLONE, WAYS_TO_FORK };
pid_t make_child(int way);

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
    double end; /* on stress_clock(); then it sends that many packets of that number */
    uint32_t last, lasts;
};

void flood_start(struct flood *f, _Atomic uint32_t *taken, uint32_t ahead, uint32_t max);

/* Before the thread ends by itself at that time it sends so many packets with another number. */
void flood_start_until(struct flood *f, _Atomic uint32_t *taken, uint32_t ahead, uint32_t max,
                       double end, uint32_t last, uint32_t lasts);
uint32_t flood_stop(struct flood *f);

/* The packet sockets on our side keep little: nobody reads what they hear. */
void wires_keep_little(void);

/*
 * A thread that counts the packets with numbers below max that reach the far end of out0.
 * collect_each_once() waits until those from 0 up to count are there, fails the test if one does
 * not come, comes twice, or if anything else comes, and ends the thread.
 */
void collect_start(uint32_t max);
void collect_each_once(uint32_t count);

/* The same, but packets may be missing: returns how many came. */
uint32_t collect_some(void);

/* Ends the thread, whatever it has seen. */
void collect_end(void);

/* Shared memory for a test and its children, zeroed. */
void *shared_memory(size_t size);

#endif
