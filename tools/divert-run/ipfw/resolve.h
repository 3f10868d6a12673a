/* SPDX-License-Identifier: BSD-2-Clause */
/* Selects the rules that are in force when all ipfw commands have been carried out. */
#ifndef DIVERT_RUN_RESOLVE_H
#define DIVERT_RUN_RESOLVE_H

#include "ipfw/model.h"

/* Adds the rules that are in force to OUT, which must be empty. False: a table does not fit a rule,
 * and WHY says so. */
bool ipfw_resolve(const struct ipfw_model *model, struct ruleset *out, struct text *why);

#endif
