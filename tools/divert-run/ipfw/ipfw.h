/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses rules of FreeBSD's ipfw(8). */
#ifndef DIVERT_RUN_IPFW_H
#define DIVERT_RUN_IPFW_H

#include "language/parser.h"

/*
 * Parses one rule, without a command before it. RULE_EMPTY: the text is blank or a comment.
 * RULE_BAD: *error is filled in, *out is undefined. Allocates nothing.
 */
enum rule_result ipfw_parse(const char *text, struct rule *out, struct rule_error *error);

#endif
