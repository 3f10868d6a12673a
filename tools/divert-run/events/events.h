/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listens to what the rules tell of packets: answers those whose rules say reject, unreach or
 * reset, and writes the lines of those that say log. Netfilter can do neither where the rules
 * stand, in PREROUTING and POSTROUTING; so the packet filter sends a copy to divert-run, with the
 * event as its prefix, and then goes on as the rule says.
 */
#ifndef DIVERT_RUN_EVENTS_H
#define DIVERT_RUN_EVENTS_H

#include "rule/rule.h"

/* The group in the text of --check; events_open() takes the highest that is free. */
#define EVENT_GROUP_MAX 65535u

/* Does a rule tell of packets? */
bool events_needed(const struct ruleset *rules);
/*
 * Takes an NFLOG group that no rule uses, and opens the sockets for answers, which have their tag
 * under MARK_MASK. Returns the group; 0 after a warning if there is none, and then nobody may tell
 * anything.
 */
unsigned events_open(const struct ruleset *rules, uint32_t mark_mask);
/* A descriptor that is readable while there are events; -1: there will be none. */
int events_fd(void);
/* Handles the events that there are, some hundreds at most. */
void events_handle(void);

#endif
