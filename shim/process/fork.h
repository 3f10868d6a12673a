/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose memory this is: of this process, of its parent as long as it borrows that, or a copy. */
#ifndef DIVERTSHIM_OWN_H
#define DIVERTSHIM_OWN_H

#include <stdbool.h>
#include <sys/types.h>

/* When the library starts, and in each child that fork(2) made. */
void process_start(void);
void process_after_fork(void);

/*
 * Whether this process may change the tables. A child of vfork() runs in its parent's memory until
 * it calls exec: what it closes or copies is not the parent's.
 */
bool process_owns_memory(void);

/*
 * The process that the memory belongs to, without a system call: 0 in a child of which nothing is
 * known yet, or if that cannot be known.
 */
pid_t process_id(void);

#endif
