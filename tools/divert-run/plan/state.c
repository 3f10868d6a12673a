/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynamic rules: where packets look for them. The action of a dynamic rule is that of the rule that
 * made it; after it a packet goes on behind that rule.
 */
#include "plan/private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct rule *ruleset_state_rule(const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->rules[i]->state.makes || rules->rules[i]->state.checks)
            return rules->rules[i];
    }
    return NULL;
}

bool rule_makes_state(const struct rule *rule, const struct rule_state *check)
{
    return rule->state.makes && (check->any_flow || strcmp(rule->state.flow, check->flow) == 0);
}

static bool same_check(const struct rule_state *a, const struct rule_state *b)
{
    return a->any_flow == b->any_flow && (a->any_flow || strcmp(a->flow, b->flow) == 0);
}

/*
 * Can a packet start at this number without having met the rules before it? After a divert rule it
 * can also be another packet.
 */
static bool is_entered(const struct ruleset *rules, unsigned before, unsigned number)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];

        if (rule->action == RULE_DIVERT && rule->number >= before && rule->number < number)
            return true;
        if (rule->action == RULE_CALL || rule->action == RULE_RETURN)
            return true;
        if (rule->action == RULE_SKIPTO && rule->argument > before && rule->argument <= number)
            return true;
    }
    return false;
}

/* Has each packet that comes to the rule looked for the same dynamic rules before? */
static bool is_checked_before(const struct plan *plan, size_t index)
{
    const struct rule *rule = plan->rules->rules[index];

    for (size_t i = index; i-- > 0;) {
        const struct rule *earlier = plan->rules->rules[i];

        if (is_entered(plan->rules, earlier->number, rule->number))
            return false;
        if (earlier->state.checks && same_check(&earlier->state, &rule->state))
            return true;
    }
    return false;
}

void plan_find_state_checks(struct plan *plan)
{
    const struct ruleset *rules = plan->rules;

    if (!ruleset_state_rule(rules))
        return;
    plan->checks = grow_array(NULL, rules->count, sizeof(*plan->checks));
    for (size_t i = 0; i < rules->count; i++)
        plan->checks[i] = rules->rules[i]->state.checks && !is_checked_before(plan, i);
}

bool plan_checks_state(const struct plan *plan, size_t index)
{
    return plan->checks && plan->checks[index];
}

static struct chain *state_chain(struct plan *plan, enum hook hook, const struct rule_state *check)
{
    struct chain *chain;

    for (size_t i = 0; i < plan->state_chain_count; i++) {
        const struct state_chain *known = &plan->state_chains[i];

        if (known->hook == hook && same_check(known->check, check))
            return known->chain;
    }
    chain = plan_chain(plan, hook, "-check%zu", plan->state_chain_count + 1);
    plan->state_chains =
        grow_array(plan->state_chains, plan->state_chain_count + 1, sizeof(*plan->state_chains));
    plan->state_chains[plan->state_chain_count++] = (struct state_chain){hook, check, chain};
    plan->dialect->state_check(plan, chain, check);
    return chain;
}

void plan_state_check(struct plan *plan, struct chain *chain, const struct rule *rule)
{
    struct line *line = chain_line(chain, "");

    line->rule = rule;
    line_goto(line, VERDICT_JUMP, state_chain(plan, chain->hook, &rule->state));
    chain_return_if_passed(plan, chain, rule->number);
}
