/* SPDX-License-Identifier: BSD-2-Clause */
/* The lists of a pf rule written out. */
#ifndef DIVERT_RUN_PF_EXPAND_H
#define DIVERT_RUN_PF_EXPAND_H

#include "pf/pf.h"

/* One rule for each combination of list items, without TCP flags; at most PF_RULES_MAX + 1. The
 * caller frees the rules. */
struct pf_variants {
    struct rule *rules;
    size_t count;
};

void pf_expand(const struct pf_rule *pf, struct pf_variants *out);

#endif
