/* SPDX-License-Identifier: BSD-2-Clause */
/* --status: the live divert sockets of this network namespace. */
#ifndef DIVERT_RUN_STATUS_H
#define DIVERT_RUN_STATUS_H

#include "rule/rule.h"

/* Prints the sockets once, or every so many seconds for ever if that is above 0. An exit status. */
int status_show(double interval, bool json);

/*
 * Leaves the rules that divert packets where --status of others finds them, for as long as
 * this process lives. The numbers are BASE above those that were given.
 */
void status_publish_rules(const struct ruleset *rules, unsigned base);

#endif
