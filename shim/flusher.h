/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With DIVERTSHIM_BATCH a verdict may wait for the next ones, as long as the program has packets at
 * hand to go on with. Should it not go on, the flusher sends what waits within a millisecond: a
 * thread that blocks all signals, and sleeps while nothing waits.
 */
#ifndef DIVERTSHIM_FLUSHER_H
#define DIVERTSHIM_FLUSHER_H

#include <stdbool.h>

/*
 * A verdict waits. Wakes the flusher, if it sleeps; starts it, if this process has none. False if
 * there can be none: then nothing may wait.
 */
bool flusher_note(void);

/* Sends what waits of all sockets of this process: before it ends or runs another program. */
void flusher_send_all(void);

void flusher_after_fork(bool child);

#endif
