/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests that repeat something under load: clocks, sleeping threads, and packets with 32-bit
 * numbers.
 */
#ifndef STRESS_H
#define STRESS_H

#include "wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SOON_MS      10000 /* only a failure takes that long */
#define SMALL_PACKET 32    /* bytes of a packet with a number */
#define IN_ADDRESS_N 0x0a010001u

/* Seconds on a monotonic clock. */
double stress_clock(void);

/* The end of a stress test that begins now: after $DIVERT_STRESS_SECONDS, 2 by default. */
double stress_end(void);

/* Prolongs the time limit of each test by that. For main(). */
void stress_allow_time(void);

/* Does a thread, or the first thread of a process, sleep in the kernel? */
bool is_asleep(pid_t tid);

/* Waits until it does. */
void wait_until_asleep(pid_t tid);

/*
 * Waits until the thread whose id the child puts into *tid sleeps, or until the child has ended,
 * without reaping it.
 */
void wait_until_child_sleeps(pid_t child, const _Atomic pid_t *tid);
bool has_ended(pid_t child);

/* The number of threads of this process, by /proc. */
int count_threads(void);

/*
 * Waits some seconds for a child to end and returns its wait status; if it does not end, kills it
 * and fails the test.
 */
int wait_for_child(pid_t pid);

/* Forks by fork(2), by _Fork(3), or by the raw system call clone(2). */
enum { BY_FORK, BY_RAW_FORK, BY_CLONE, WAYS_TO_FORK };
pid_t make_child(int way);

/* Makes a packet of SMALL_PACKET bytes with that number as payload. */
void make_small(uint8_t *buffer, uint32_t number);

/* The number in a packet. */
uint32_t small_number(const uint8_t *packet);

/* Sends such a packet on in0. */
void send_small(uint32_t number);

/* Sends that many, and waits until the kernel has queued them all. */
void send_burst(unsigned count);

/* Reads such a packet, which must be there. */
void read_small(int fd);

/*
 * A thread that sends packets numbered from 0 on in0, never more than AHEAD above the count in
 * *taken, until flood_stop(), which returns how many were sent.
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

/*
 * The same; the thread ends by itself at END, after it has sent that many packets with another
 * number.
 */
void flood_start_until(struct flood *f, _Atomic uint32_t *taken, uint32_t ahead, uint32_t max,
                       double end, uint32_t last, uint32_t lasts);
uint32_t flood_stop(struct flood *f);

/* Gives our packet sockets small buffers: nobody reads what they receive. */
void wires_keep_little(void);

/*
 * A thread that counts the packets with numbers below MAX that reach the far end of out0.
 * collect_each_once() waits until those from 0 up to COUNT are there and ends the thread; it fails
 * the test if one is missing, comes twice, or if anything else comes.
 */
void collect_start(uint32_t max);
void collect_each_once(uint32_t count);

/* The same, but packets may be missing. Returns how many came. */
uint32_t collect_some(void);

/* Ends the thread, whatever it has seen. */
void collect_end(void);

/* Shared memory for a test and its children, zeroed. */
void *shared_memory(size_t size);

#endif
