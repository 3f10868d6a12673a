/* SPDX-License-Identifier: BSD-2-Clause */
/* --status: the live divert sockets of this network namespace. */
#ifndef DIVERT_RUN_STATUS_H
#define DIVERT_RUN_STATUS_H

#include "rule/rule.h"

/* Prints the sockets once, or if INTERVAL is above 0, for ever every INTERVAL seconds. Returns an
 * exit status. */
int status_show(double interval, bool json);

/*
 * Publishes the rules that divert packets for --status of other processes, in place of what was
 * published before, as long as this process lives. Their numbers are BASE above those that the user
 * gave. REMOVED: they are not in the packet filter now.
 */
void status_publish_rules(const struct ruleset *rules, unsigned base, bool removed);

#endif
