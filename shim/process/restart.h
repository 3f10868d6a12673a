/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a read is restarted after a signal (SA_RESTART). */
#ifndef DIVERTSHIM_RESTART_H
#define DIVERTSHIM_RESTART_H

#include "process/privileges.h"

#include <stdbool.h>

/*
 * To be polled beside what is waited for: readable while a handler without SA_RESTART is about to
 * run; -1 if there is none. The first call makes a system call for each signal, later ones none.
 */
int restart_fd(void);

/*
 * Whether an interrupted read is restarted, as the kernel decides by the handler's SA_RESTART.
 * told: restart_fd() was readable. With several threads it is not known which handler ran: then the
 * read is restarted if all handlers have SA_RESTART, or if libc interrupted it to set ids in all
 * threads. id_changes is the result of privileges_id_changes() before the wait.
 */
bool restart_wanted(unsigned id_changes, bool told);

#endif
