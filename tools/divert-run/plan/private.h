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

/* chain.c: appends "return if the tag is at least N". */
void chain_return_if_passed(const struct plan *plan, struct chain *chain, unsigned n);

/* tree.c */
/* The tree of the calls that rules in that place make. NULL: no rule can match there. */
struct chain *plan_called_tree(struct plan *plan, struct place place);
/* rule.c */
/* Appends a rule to a chain. */
void plan_rule(struct plan *plan, struct chain *chain, const struct rule *rule, struct place place,
               enum standing standing);
/* Does the rule fit into one line? */
bool plan_rule_is_line(const struct plan *plan, const struct rule *rule, struct place place);
/* What a condition looks like in a line of its own. */
void plan_condition_text(const struct dialect *dialect, const struct condition *condition,
                         struct text *out);
/* Can the rule stand in a flat chain? There a return from the chain leaves the whole list. */
bool plan_rule_flat(const struct plan *plan, const struct rule *rule, struct place place);
/* rule_possible() in any family of the plan. */
bool plan_rule_possible(const struct plan *plan, const struct rule *rule, struct place place);

/* state.c */
/* Fills plan->checks. */
void plan_find_state_checks(struct plan *plan);
/* Must packets look for dynamic rules where the rule of that index stands, in either hook? Not if
 * they have just done so. */
bool plan_checks_state(const struct plan *plan, size_t index);
/* Appends the lookup; a packet that is found then has a tag of at least the rule's number. */
void plan_state_check(struct plan *plan, struct chain *chain, const struct rule *rule);

/* dispatch.c */
/* The values of an address or a port that a rule asks for; lo and hi as on the wire, both
 * included. Of addresses FAMILY is 4 or 6, of ports PROTO is that of TCP or UDP. */
struct dispatch_key {
    uint8_t lo[16], hi[16];
    int family, proto;
    const struct rule_atom *atom;
};

/* Rules with the same key, as indices in the rule set, in order. */
struct dispatch_group {
    struct dispatch_key key;
    size_t *rules, count;
};

/* Consecutive rules that can be told apart by a field of the packet. No two keys overlap. */
struct dispatch {
    enum clause_kind field;
    struct dispatch_group *groups; /* by ascending key */
    size_t count;
    size_t rules; /* how many in all */
};

/* How a rule is appended to a chain. */
struct dispatch_target {
    struct place place;
    void (*rule)(struct plan *plan, struct chain *chain, size_t rule,
                 const struct dispatch_target *target);
};

/* Takes as many of the rules (indices in the rule set) as possible, from the first on. False: not
 * enough to be worth it. Give it to dispatch_free() in the end. */
bool dispatch_make(const struct plan *plan, const size_t *rules, size_t count, struct place place,
                   struct dispatch *out);
void dispatch_free(struct dispatch *d);
/* Appends lines that lead a packet to the rules that it may match. */
void dispatch_plan(struct plan *plan, struct chain *chain, const struct dispatch *d,
                   const struct dispatch_target *target);

#endif
