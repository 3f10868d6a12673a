/* SPDX-License-Identifier: BSD-2-Clause */
/* Notices when somebody empties or reloads the packet filter under a running command. */
#ifndef DIVERT_RUN_GUARD_H
#define DIVERT_RUN_GUARD_H

#include "filter.h"

/*
 * Watches the rules of FILTER; both must stay valid. RESTORE: put the rules back if they are
 * removed. Without this call nothing is watched.
 */
void guard_watch(struct filter *filter, const struct ruleset *rules, bool restore);
bool guard_watches(void);
/*
 * To be called every second. Checks whether the rules are still there, reports if they are not, and
 * puts them back. Runs tools only if something has changed.
 */
void guard_look(void);

#endif
