/* SPDX-License-Identifier: BSD-2-Clause */
/* The ordered list of rules. */
#include "rule/rule.h"
#include "util/text.h"

#include <stdlib.h>

unsigned ruleset_last(const struct ruleset *set)
{
    return set->count ? set->rules[set->count - 1]->number : 0;
}

bool ruleset_renumber(struct ruleset *set, unsigned base)
{
    for (size_t i = 0; base && i < set->count; i++) {
        unsigned number = set->rules[i]->number + base;

        if (number > RULE_NUMBER_MAX || number == RULE_NUMBER_FREE)
            return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        struct rule *rule = set->rules[i];

        rule->number += base;
        if (rule->action == RULE_SKIPTO)
            rule->argument += base;
    }
    return true;
}

static unsigned next_rule_number(const struct ruleset *set)
{
    unsigned highest = ruleset_last(set), next = highest + RULE_NUMBER_STEP;

    if (next > RULE_NUMBER_MAX)
        return highest;
    return next == RULE_NUMBER_FREE ? next - 1 : next;
}

unsigned ruleset_add(struct ruleset *set, const struct rule *rule)
{
    unsigned number = rule->number ? rule->number : next_rule_number(set);
    struct rule *copy;
    size_t at = set->count;

    if (rule->action == RULE_SKIPTO && rule->argument <= number)
        return 0;
    copy = grow_array(NULL, 1, sizeof(*copy));
    *copy = *rule;
    copy->number = number;
    set->rules = grow_array(set->rules, set->count + 1, sizeof(*set->rules));
    for (; at && set->rules[at - 1]->number > copy->number; at--)
        set->rules[at] = set->rules[at - 1];
    set->rules[at] = copy;
    set->count++;
    return number;
}

void ruleset_free(struct ruleset *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->rules[i]);
    free(set->rules);
    *set = (struct ruleset){0};
}
