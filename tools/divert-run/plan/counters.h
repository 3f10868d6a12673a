/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the packet filter counts the packets of each rule. A packet that matches a rule passes
 * exactly one of its counters, so their sum is the rule's count.
 */
#ifndef DIVERT_RUN_COUNTERS_H
#define DIVERT_RUN_COUNTERS_H

#include "plan/plan.h"

struct counter {
    const struct rule *rule;
    int family; /* whose iptables has the chain, 4 or 6; 0: nft has it */
    char chain[CHAIN_NAME_SIZE];
    unsigned row; /* of the chain, from 0: the order in which the tools list them */
};

struct counters {
    struct counter *items; /* those of each rule together, after counters_sort() */
    size_t count;
};

/* Does nothing if COUNTERS is NULL, or the line is not the action of a rule. A check-state counts
 * nothing: what it finds counts for the rule that made the dynamic rule. */
void counters_add(struct counters *counters, int family, const struct chain *chain,
                  const struct line *line, unsigned row);
/* To be called before counters_of_rule(), which returns the first of COUNT, or NULL. */
void counters_sort(struct counters *counters);
const struct counter *counters_of_rule(const struct counters *counters, const struct rule *rule,
                                       size_t *count);
void counters_free(struct counters *counters);

#endif
