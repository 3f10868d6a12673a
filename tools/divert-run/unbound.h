/* SPDX-License-Identifier: BSD-2-Clause */
/* Divert ports to which rules send packets, and which nobody has bound. */
#ifndef DIVERT_RUN_UNBOUND_H
#define DIVERT_RUN_UNBOUND_H

#include "rule/rule.h"

/*
 * Sets the rules to watch, which must stay valid. Their numbers are BASE above those that the user
 * gave; each divert port has LISTENERS queues.
 */
void unbound_watch(const struct ruleset *rules, unsigned base, unsigned listeners);
/*
 * To be called every second. Checks which ports are bound, and warns once about each that has not
 * been bound for some looks in a row.
 */
void unbound_look(void);

#endif
