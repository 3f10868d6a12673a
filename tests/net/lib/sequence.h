/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbered packets that must arrive in order, and a program that passes them on. */
#ifndef DIVERTSHIM_TESTS_SEQUENCE_H
#define DIVERTSHIM_TESTS_SEQUENCE_H

#include <stdint.h>
#include <sys/types.h>

#define NUMBERS    4096 /* different numbers */
#define TIMEOUT_MS 20000
#define QUIET_MS   300

/* Sends one on in0, or those from FIRST up to, but not including, BEHIND. */
void send_number(uint16_t number);
void send_numbers(uint16_t first, uint16_t behind);

/* Receives one on out0; fails the test if it came before. */
void note_number(void);

/*
 * Receives until nothing comes any more, and waits that long for the first. Each may arrive once;
 * gaps are allowed, reordering is not. Returns how many came.
 */
int receive_numbers(int timeout_ms);

/* Expects exactly those on out0, in order. */
void expect_numbers(uint16_t first, uint16_t behind);

/* Reads a packet and writes it. */
void pass_one(int fd);

/* Forks a child that does so until it is killed. */
pid_t start_program(int fd);

/* The same with a socket on PORT that only the child has, and rules for incoming packets. */
pid_t start_program_alone(void);

/* Checks that it is still running, and kills it. */
void end_program(pid_t pid);

#endif
