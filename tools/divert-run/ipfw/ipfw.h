/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of ipfw(8), as text. */
#ifndef DIVERT_RUN_IPFW_H
#define DIVERT_RUN_IPFW_H

#include "language/parser.h"

/*
 * Reads one rule. RULE_EMPTY: there is nothing but blanks or a comment, or an ipfw line that asks
 * for nothing here (flush). RULE_BAD: *error is filled, *out is undefined. Allocates nothing.
 */
enum rule_result ipfw_parse(const char *text, struct rule *out, struct rule_error *error);

#endif
