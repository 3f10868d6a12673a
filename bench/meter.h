/*
 * What the loops of the benchmark measure: packets, the process's own CPU time, and the time that
 * passed from the first packet to the report.
 */
#ifndef METER_H
#define METER_H

#include <signal.h>

/* Set by SIGTERM and SIGINT: the loop ends. */
extern volatile sig_atomic_t meter_stop;

/* Catches the signals. select() ends with EINTR then. */
void meter_init(void);

/* To be called when that many packets have been given back. */
void meter_count(unsigned long count);

/* Prints "packets=N cpu_ns=N wall_ns=N". */
void meter_report(void);

#endif
