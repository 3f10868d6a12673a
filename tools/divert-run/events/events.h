/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receives the events of rules: answers packets whose rules say reject, unreach or reset, and
 * writes the lines of rules with log. Netfilter can do neither where the rules are, in PREROUTING
 * and POSTROUTING; so the packet filter sends a copy to divert-run, with the event as its prefix,
 * and then goes on as the rule says.
 */
#ifndef DIVERT_RUN_EVENTS_H
#define DIVERT_RUN_EVENTS_H

#include "rule/rule.h"

/* The group shown by --check; events_open() takes the highest that is free. */
#define EVENT_GROUP_MAX 65535u

/* Does a rule have events? */
bool events_needed(const struct ruleset *rules);
/*
 * Takes an NFLOG group that no rule uses, and opens the sockets for answers, whose mark has a tag
 * under MARK_MASK. Returns the group; 0 after a warning if there is none: then rules must have no
 * events.
 */
unsigned events_open(const struct ruleset *rules, uint32_t mark_mask);
/*
 * A descriptor that is readable while there are events, owned by events/; -1: there will be none.
 */
int events_fd(void);
/* Handles pending events, at most some hundreds. */
void events_handle(void);

#endif
