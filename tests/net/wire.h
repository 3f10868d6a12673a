/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host of the test's own, in a network namespace, with two wires; what comes out of them and
 * what goes in is under the test's hand, packet by packet:
 *
 *     10.1.0.2 ---- in0 10.1.0.1 [this process] 192.0.2.1 out0 ---- 192.0.2.2
 *
 * The test program runs under the library (LD_PRELOAD), so its divert sockets are the ones under
 * test. Everything fails the running test when it does not work.
 */
#ifndef WIRE_H
#define WIRE_H

#include <check.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef IPPROTO_DIVERT
#define IPPROTO_DIVERT 258
#endif

#define IN_ADDRESS  "10.1.0.1"
#define IN_PEER     "10.1.0.2"
#define OUT_ADDRESS "192.0.2.1"
#define OUT_PEER    "192.0.2.2"
#define PORT        8000

struct wire {
    int fd;      /* packet socket at the far end */
    int near_fd; /* and at ours, past all firewall rules */
    uint8_t near_mac[6], far_mac[6];
};

extern struct wire in0, out0;

/* Makes the host. Prints "SKIP: why" and ends the program with 77 if that cannot be done here. */
void wires_make(void);

/* Runs a command line as sh does; its failure is the test's. */
__attribute__((format(printf, 1, 2))) void run(const char *format, ...);

/* Rules by hand: incoming packets of in0, or outgoing ones of out0, to a divert port. */
void divert_incoming(int port);
void divert_outgoing(int port);

/* A packet comes in from the far end. */
void wire_send(struct wire *w, const void *packet, size_t len);

/* The next IPv4 packet that reached the far end, in order; its length. */
size_t wire_receive(struct wire *w, void *packet, size_t room);

/* The next packet is this one but for its TTL and header checksum. */
void wire_expect(struct wire *w, const void *packet, size_t len);

/* The same but for the id too: a raw socket gives outgoing packets without one an id. */
void wire_expect_with_any_id(struct wire *w, const void *packet, size_t len);

/*
 * The next packets are fragments of this one, none above the MTU, that add up to it. The second has
 * a header of that length, and its first option is that (0 for none).
 */
void wire_expect_fragments(struct wire *w, const uint8_t *packet, size_t len, size_t mtu,
                           size_t header, uint8_t first_option);

/* Nothing has reached the far end that was not received. */
void wire_expect_silence(struct wire *w);

/* Divert sockets. */
int divert_socket(void);
int divert_bound(int port);

/* Reads one packet; fails the test if there is none within seconds. */
size_t divert_read(int fd, void *packet, size_t room, struct sockaddr_in *from);
void divert_write(int fd, const void *packet, size_t len, const struct sockaddr_in *to);

/* Whether a read would find nothing. */
bool divert_silent(int fd);

/* Packets of a divert port that wait for a verdict, as the kernel counts them. */
unsigned queue_waiting(int port);

/* Runs the suite's test cases, each test in a host of its own; main() returns the result. */
int run_suite(const char *name, const TTest *const *tests, size_t count);

/* The same for tests that take up to so many seconds. */
int run_suite_for(const char *name, const TTest *const *tests, size_t count, unsigned seconds);

/* The same with each test run once for every _i below variants. */
int run_suite_with(const char *name, const TTest *const *tests, size_t count, int variants);

#endif
