/* SPDX-License-Identifier: BSD-2-Clause */
/* --status: the live divert sockets of this network namespace, and what the rules counted. */
#ifndef DIVERT_RUN_STATUS_H
#define DIVERT_RUN_STATUS_H

#include "plan/counters.h"

/*
 * Prints the sockets once, or if INTERVAL is above 0, every INTERVAL seconds without end. Returns
 * an exit status.
 */
int status_show(double interval, bool json);

/* Where the rules of a run are. */
struct status_place {
    const char *lister; /* program that lists them, see filter_lister() */
    const char *id;     /* of the run */
    const struct counters *counters;
    unsigned base; /* added to the numbers that the user gave */
};

/*
 * Publishes the rules for --status of other processes, in place of what was published before, as
 * long as this process lives. REMOVED: they are not in the packet filter now.
 */
void status_publish_rules(const struct ruleset *rules, const struct status_place *place,
                          bool removed);

#endif
