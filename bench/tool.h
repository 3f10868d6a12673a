/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the generators of the benchmark have in common.
 */
#ifndef TOOL_H
#define TOOL_H

#include <netinet/in.h>
#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t now_ns(void);

/* A whole number up to MAX, or the end of the program with status 2. */
unsigned long parse_number(const char *text, unsigned long max);

/* Seconds, with decimals, up to two minutes; gives nanoseconds. */
int64_t parse_seconds(const char *text);

/* The IPv4 address and port, in network byte order. */
struct sockaddr_in parse_address(const char *address, const char *port);

/* This process runs on that core only. */
void pin(unsigned long cpu);

#endif
