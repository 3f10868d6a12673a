/* SPDX-License-Identifier: BSD-2-Clause */
/* Or-blocks of ipfw(8): { tcp or udp }, { 10.0.0.1 or me }, { in or recv em0 }. */
#ifndef DIVERT_RUN_ALTERNATIVES_H
#define DIVERT_RUN_ALTERNATIVES_H

#include "language/parser.h"

#define BLOCKS_MAX       8
#define ALTERNATIVES_MAX 32

/* A block from its '{' to behind its '}', and its alternatives: offsets in the text. */
struct or_block {
    size_t begin, end;
    size_t from[ALTERNATIVES_MAX], to[ALTERNATIVES_MAX];
    unsigned count;
};

struct alternatives {
    struct or_block blocks[BLOCKS_MAX];
    size_t count;
    unsigned rules; /* rules without blocks that it stands for, at least 1 */
};

/* Finds the blocks of a rule. False: one is wrong, and the error is filled in. */
bool alternatives_read(const char *text, struct alternatives *a, struct rule_error *error);
/* Reduces TEXT, a copy of the rule, to the alternatives of rule NUMBER, counted from 0. */
void alternatives_choose(const struct alternatives *a, unsigned number, char *text);

#endif
