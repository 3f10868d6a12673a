/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DIVERTSHIM_PUMP=thread: for programs that wait past the C library, by io_uring or raw system
 * calls. A thread keeps the eventfd readable exactly while a packet can be read, with no hook
 * called. It blocks all signals and ends with the last divert socket. Without the option there is
 * no such thread.
 */
#ifndef DIVERTSHIM_PUMP_H
#define DIVERTSHIM_PUMP_H

#include <stdbool.h>

struct divert_socket;

/* s was bound. Starts the thread if there is none. Returns 0 or -errno. */
int pump_add(struct divert_socket *s);

/* The same for all sockets in the table: after exec. */
void pump_add_all(void);

/* The last divert socket is gone. */
void pump_end(void);

void pump_before_fork(void);
void pump_after_fork(bool child);

#endif
