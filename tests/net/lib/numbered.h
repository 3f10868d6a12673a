/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets with numbers, and processes that pass them on: for tests of sockets that are shared. */
#ifndef DIVERTSHIM_TESTS_NUMBERED_H
#define DIVERTSHIM_TESTS_NUMBERED_H

#include "wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PACKETS      400 /* different numbers */
#define NUMBERED_LEN 32  /* bytes of each packet */

/* Sends a packet with that number on in0. */
void send_numbered(uint32_t number);

/* Reads and writes until no packet comes any more. Returns how many, or -1 if one failed. */
int pass_all(int fd);

/* Forks a child that does so. It ends with status 0 if there were any. */
pid_t child_that_passes(int fd);

/* Waits for a child to end with that status. */
void expect_exit(pid_t pid, int expected);

/* Expects that many packets on out0, no number twice, and nothing more. */
void expect_each_once(int count);

/* Whether a socket can be bound to the port. */
bool port_free(int port);

#endif
