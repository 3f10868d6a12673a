#include "rule/rule.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

unsigned int ruleset_last(const struct ruleset *set)
{
    return set->count ? set->rules[set->count - 1]->number : 0;
}

bool ruleset_renumber(struct ruleset *set, unsigned int base)
{
    if (ruleset_last(set) + base > RULE_NUMBER_MAX)
        return false;
    for (size_t i = 0; i < set->count; i++) {
        struct rule *rule = set->rules[i];

        rule->number += base;
        if (rule->action == RULE_SKIPTO)
            rule->argument += base;
    }
    return true;
}

static unsigned int next_number(const struct ruleset *set)
{
    unsigned int highest = ruleset_last(set);

    return highest + RULE_NUMBER_STEP <= RULE_NUMBER_MAX ? highest + RULE_NUMBER_STEP : highest;
}

unsigned int ruleset_add(struct ruleset *set, const struct rule *rule)
{
    unsigned int number = rule->number ? rule->number : next_number(set);
    struct rule *copy;
    size_t at = set->count;

    if (rule->action == RULE_SKIPTO && rule->argument <= number)
        return 0;
    copy = grow(NULL, 1, sizeof(*copy));
    *copy = *rule;
    copy->number = number;
    set->rules = grow(set->rules, set->count + 1, sizeof(*set->rules));
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
