/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets with numbers that are to come in order, and a program that passes them on. */
#ifndef DIVERTSHIM_TESTS_SEQUENCE_H
#define DIVERTSHIM_TESTS_SEQUENCE_H

#include <stdint.h>
#include <sys/types.h>

#define NUMBERS     4096 /* there are */
#define PATIENCE_MS 20000
#define QUIET_MS    300

/* Sends one on in0, or those from first to the one before behind. */
void send_number(uint16_t number);
void send_numbers(uint16_t first, uint16_t behind);

/* Receives one on out0, none of them twice. */
void note_number(void);

/*
 * Receives until nothing comes any more; waits for the first so long. Each may arrive once; what
 * has a gap before it is in order still. How many those were.
 */
int receive_numbers(int patience_ms);

/* Exactly those arrive on out0, in order, and nothing more. */
void expect_numbers(uint16_t first, uint16_t behind);

/* Reads a packet and writes it. */
void pass_one(int fd);

/* A child that does so until it is killed. */
pid_t start_program(int fd);

/* The same with a socket on PORT that the child alone has, and rules for incoming packets. */
pid_t start_program_alone(void);

/* It is running still, and is killed. */
void end_program(pid_t pid);

#endif
