/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a read that a signal interrupted goes on. */
#ifndef DIVERTSHIM_RESTART_H
#define DIVERTSHIM_RESTART_H

#include "process/privileges.h"

#include <stdbool.h>

/*
 * To be polled beside what is waited for: readable while a handler without SA_RESTART is about to
 * run. Or -1. A system call for each signal there is at the first time, none later.
 */
int restart_fd(void);

/*
 * As the kernel decides by the handler's SA_RESTART; told: restart_fd() was readable. In a process
 * with threads it is not known which handler ran: then the read goes on if all handlers ask for
 * that, or if it was the C library's own, by which it sets ids in all threads: id_changes is what
 * privileges_id_changes() said before the wait.
 */
bool restart_wanted(unsigned id_changes, bool told);

#endif
