/* SPDX-License-Identifier: BSD-2-Clause */
/* Notices that somebody empties or reloads the packet filter under a running command. */
#ifndef DIVERT_RUN_GUARD_H
#define DIVERT_RUN_GUARD_H

#include "filter.h"

/* The rules that FILTER holds, which must stay until the last look; RESTORE: to be put back.
 * Without this call there is nothing to look for. */
void guard_watch(struct filter *filter, const struct ruleset *rules, bool restore);
bool guard_watches(void);
/*
 * To be called each second. Looks whether the rules are still there, says so if they are not, and
 * puts them back. Runs tools only if somebody has changed something.
 */
void guard_look(void);

#endif
