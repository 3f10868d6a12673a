/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of plan/ share: evaluating clauses, and building chains. */
#ifndef DIVERT_RUN_PLAN_PRIVATE_H
#define DIVERT_RUN_PLAN_PRIVATE_H

#include "plan/plan.h"

/* reduce.c */
/* Evaluates a clause in a place. DEPENDS: on the packet, and MATCH is what to ask. */
enum truth { NEVER, ALWAYS, DEPENDS };
enum truth clause_in_place(const struct rule *rule, const struct rule_clause *clause,
                           const struct place *place, struct match *match);
/* False: no packet can match the rule in that place. */
bool rule_possible(const struct rule *rule, const struct place *place);

/* chain.c */
/* Adds an empty chain, whose name ends in FMT. The plan owns it. */
struct chain *plan_chain(struct plan *plan, enum hook hook, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends a line with CONDITION, which may be empty. The pointer holds until the next line. */
struct line *chain_line(struct chain *chain, const char *condition);
void line_op(struct line *line, enum op_kind kind, unsigned value);
void line_goto(struct line *line, enum verdict verdict, const struct chain *target);
/* Appends "return if the tag is at least N". */
void chain_return_if_passed(const struct plan *plan, struct chain *chain, unsigned n);
/* rule.c */
/* Appends a rule to a chain. FLAT: packets have no tag while they are in this chain. */
void plan_rule(struct plan *plan, struct chain *chain, const struct rule *rule, struct place place,
               bool flat);
/* Can the rule stand in a flat chain? There a return from the chain leaves the whole list. */
bool plan_rule_flat(const struct plan *plan, const struct rule *rule, struct place place);
/* rule_possible() in any family of the plan. */
bool plan_rule_possible(const struct plan *plan, const struct rule *rule, struct place place);

#endif
