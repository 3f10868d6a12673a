/* SPDX-License-Identifier: BSD-2-Clause */
/* From what the commands of ipfw left to the rules that are in force. */
#ifndef DIVERT_RUN_RESOLVE_H
#define DIVERT_RUN_RESOLVE_H

#include "ipfw/model.h"

/* Adds the rules that are in force to OUT, which must be empty. False: a table does not fit a rule,
 * and WHY says so. */
bool ipfw_resolve(const struct ipfw_model *model, struct ruleset *out, struct text *why);

#endif
