/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who sends the verdicts that wait (see divert_verdict.c) when their thread does not come to it:
 * whatever ends the thread or the process; and with DIVERTSHIM_BATCH=1, where the kernel does not
 * do it (see guard.h), the flusher, within a millisecond: a thread that sleeps while nothing waits.
 */
#ifndef DIVERTSHIM_FLUSHER_H
#define DIVERTSHIM_FLUSHER_H

#include "divert/verdict_timer.h"

#include <stdbool.h>

/* When the library starts. */
void flusher_start(void);

/*
 * A verdict waits. Wakes the flusher, if it sleeps; starts it, if this process has none. False if
 * there can be none: then nothing may wait.
 */
bool flusher_note(void);

/* The calling thread's verdicts wait: its end sends them. False if that is not to be had. */
bool flusher_note_thread(void);

/* Sends what waits of all sockets of this process: before it ends or runs another program. */
void flusher_send_all(void);

/* Before a wait that is none for divert sockets alone. */
static inline void flusher_before_wait(void)
{
    if (__builtin_expect(atomic_load_explicit(&verdict_timers_armed, memory_order_relaxed) != 0, 0))
        flusher_send_all();
}

void flusher_after_fork(bool child);

#endif
