/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a read that a signal interrupted goes on. */
#ifndef DIVERTSHIM_RESTART_H
#define DIVERTSHIM_RESTART_H

#include "process/privileges.h"

#include <stdbool.h>

/*
 * As the kernel decides by the handler's SA_RESTART. Which signal it was is not known; so it goes
 * on if all handlers ask for that, or if it was the C library's own, by which it sets ids in all
 * threads: id_changes is what privileges_id_changes() said before the wait.
 */
bool restart_wanted(unsigned id_changes);

#endif
