/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host for the test, in a network namespace, with two wires. The test sends and receives each
 * packet on their far ends:
 *
 *     10.1.0.2 ---- in0 10.1.0.1 [this process] 192.0.2.1 out0 ---- 192.0.2.2
 *
 * or, with WIRE_IPV6 defined, the same with IPv6 addresses:
 *
 *     2001:db8:1::2 ---- in0 2001:db8:1::1 [this process] 2001:db8:2::1 out0 ---- 2001:db8:2::2
 *
 * The test program runs under the library (LD_PRELOAD), so its divert sockets are the ones under
 * test. All functions fail the running test on an error.
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

#ifdef WIRE_IPV6
#define FAMILY      AF_INET6
#define IN_ADDRESS  "2001:db8:1::1"
#define IN_OTHER    "2001:db8:1::77" /* another address on that side */
#define IN_PEER     "2001:db8:1::2"
#define OUT_ADDRESS "2001:db8:2::1"
#define OUT_PEER    "2001:db8:2::2"
#define OUT_NET     "2001:db8:2::/64"
#define ELSEWHERE   "2001:db8:99::9" /* no route leads there */
#define FAR_NET     "2001:db8:99::/64"
#define STRANGE     "2001:db8:99::5" /* nor there */
#define SPARE       "2001:db8:7::7"
#define SPARE_LEN   "128"
#define ANY         "::"
#define LINK_LEN    "64"
#define IP          "ip -6"
#define IPTABLES    "ip6tables"
#define NFT         "ip6"
#define HEADER      40 /* bytes */
#define sin_tag     sin6_port
typedef struct sockaddr_in6 wire_address;
#else
#define FAMILY      AF_INET
#define IN_ADDRESS  "10.1.0.1"
#define IN_OTHER    "10.1.0.77"
#define IN_PEER     "10.1.0.2"
#define OUT_ADDRESS "192.0.2.1"
#define OUT_PEER    "192.0.2.2"
#define OUT_NET     "192.0.2.0/24"
#define ELSEWHERE   "203.0.113.9"
#define FAR_NET     "203.0.113.0/24"
#define STRANGE     "203.0.113.5"
#define SPARE       "10.7.7.7"
#define SPARE_LEN   "32"
#define ANY         "0.0.0.0"
#define LINK_LEN    "24"
#define IP          "ip"
#define IPTABLES    "iptables"
#define NFT         "ip"
#define HEADER      20
#define sin_tag     sin_port
typedef struct sockaddr_in wire_address;
#endif
#define PORT 8000

struct wire {
    int fd;      /* packet socket at the far end */
    int near_fd; /* the same at our end, beyond all firewall rules */
    uint8_t near_mac[6], far_mac[6];
};

extern struct wire in0, out0;

/* Makes the host. Prints "SKIP: why" and ends the program with 77 if that cannot be done here. */
void wires_make(void);

/* Runs a shell command with system(3); fails the test if the command fails. */
__attribute__((format(printf, 1, 2))) void run(const char *format, ...);

/*
 * Waits until an IPv6 address that was added to an interface receives packets. Even with "nodad"
 * the kernel adds its route later than ip(8) returns: on a busy machine much later.
 */
void wire_wait_address6(const char *address, const char *name);

/* Rules by hand: incoming packets of in0, or outgoing ones of out0, to a divert port. */
void divert_incoming(int port);
void divert_outgoing(int port);

/* Sends a packet from the far end. */
void wire_send(struct wire *w, const void *packet, size_t len);

/* Receives the next packet of the family at the far end. Returns its length. */
size_t wire_receive(struct wire *w, void *packet, size_t room);

/* Expects this packet at the far end next; TTL and header checksum may differ. */
void wire_expect(struct wire *w, const void *packet, size_t len);

/* The same, but the id may differ: a raw socket sets one in outgoing packets that have none. */
void wire_expect_with_any_id(struct wire *w, const void *packet, size_t len);

/*
 * Expects that the next packets are fragments of this one, within the MTU, and add up to it. The
 * header of the second is that long, and its first option is that one (0 for none). For IPv6, the
 * length includes the hop-by-hop options, which begin with that option.
 */
void wire_expect_fragments(struct wire *w, const uint8_t *packet, size_t len, size_t mtu,
                           size_t header, uint8_t first_option);

/* Expects no further packet at the far end. */
void wire_expect_silence(struct wire *w);

/* A divert socket; and one that is bound to a port (host byte order). */
int divert_socket(void);
int divert_bound(int port);

/* A socket bound to PORT, to which all that comes in on in0 is diverted. */
int divert_ready(void);

/* Reads one packet; fails the test if none comes within seconds. Returns its length. */
size_t divert_read(int fd, void *packet, size_t room, wire_address *from);
void divert_write(int fd, const void *packet, size_t len, const wire_address *to);

/*
 * Converts addresses from and to text; the port is stored as it is. The text is valid until the
 * next call.
 */
wire_address address_make(const char *text, in_port_t port);
const char *address_text(const wire_address *address);

/* Expects an interface name in an address; IPv6 has none. */
void expect_interface(const wire_address *address, const char *name);

/* The id that make_udp() put into the packet. */
unsigned packet_id(const uint8_t *packet);

/* A UDP socket of the family, bound to the port (host byte order) unless that is 0. */
int udp_socket(uint16_t port);
void udp_send(int fd, const char *to, uint16_t port, const void *data, size_t len);

/* Is there nothing to read? */
bool divert_silent(int fd);

/* The number of packets of a divert port that wait for a verdict, by the kernel's count. */
unsigned queue_waiting(int port);

/*
 * Runs the tests, each as a test case of its own name (see runner.h) on a host of its own. Returns
 * the status for main().
 */
int run_suite(const char *name, const TTest *const *tests, size_t count);

/* The same for tests that take up to that many seconds. */
int run_suite_for(const char *name, const TTest *const *tests, size_t count, unsigned seconds);

/* The same; each test is run with _i from 0 up to, but not including, VARIANTS. */
int run_suite_with(const char *name, const TTest *const *tests, size_t count, int variants);

#endif
