/* SPDX-License-Identifier: BSD-2-Clause */
/* What the traffic generators of the benchmark share. */
#ifndef TOOL_H
#define TOOL_H

#include <netinet/in.h>
#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t now_ns(void);

/* Reads a whole number up to MAX; ends the program with status 2 for others. */
unsigned long parse_number(const char *text, unsigned long max);

/* Reads seconds, with decimals, up to two minutes. Returns nanoseconds. */
int64_t parse_seconds(const char *text);

/* The IPv4 address and port, in network byte order. */
struct sockaddr_in parse_address(const char *address, const char *port);

/* Pins this process to a core. */
void pin(unsigned long cpu);

#endif
