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
        if (rule->action == RULE_SKIPTO || rule->action == RULE_CALL)
            rule->argument += base;
    }
    return true;
}

static struct rule *default_rule(const struct ruleset *set)
{
    struct rule *last = set->count ? set->rules[set->count - 1] : NULL;

    return last && last->is_default ? last : NULL;
}

/* The highest number of a rule other than the default rule. */
static unsigned last_ordinary(const struct ruleset *set)
{
    size_t count = set->count - (default_rule(set) != NULL);

    return count ? set->rules[count - 1]->number : 0;
}

static unsigned next_rule_number(const struct ruleset *set)
{
    unsigned highest = last_ordinary(set), next = highest + RULE_NUMBER_STEP;

    if (next > RULE_NUMBER_MAX)
        return highest;
    return next == RULE_NUMBER_FREE ? next - 1 : next;
}

/* The number of the default rule behind the one with that number. */
static unsigned number_behind(unsigned highest)
{
    return highest + 1 == RULE_NUMBER_FREE ? highest + 2 : highest + 1;
}

static void insert_rule(struct ruleset *set, const struct rule *rule, unsigned number)
{
    struct rule *copy = grow_array(NULL, 1, sizeof(*copy));
    size_t at = set->count;

    *copy = *rule;
    copy->number = number;
    set->rules = grow_array(set->rules, set->count + 1, sizeof(*set->rules));
    for (; at && (set->rules[at - 1]->number > number ||
                  (set->rules[at - 1]->is_default && !rule->is_default));
         at--)
        set->rules[at] = set->rules[at - 1];
    set->rules[at] = copy;
    set->count++;
}

/* The first default rule is added, a further one replaces it. */
static unsigned add_default_rule(struct ruleset *set, const struct rule *rule)
{
    struct rule *old = default_rule(set);
    unsigned number = number_behind(last_ordinary(set));

    if (number > RULE_NUMBER_MAX)
        return 0;
    if (!old) {
        insert_rule(set, rule, number);
    } else {
        *old = *rule;
        old->number = number;
    }
    return number;
}

unsigned ruleset_add(struct ruleset *set, const struct rule *rule)
{
    unsigned number = rule->number ? rule->number : next_rule_number(set);
    struct rule *end = default_rule(set);

    if (rule->is_default)
        return add_default_rule(set, rule);
    if (rule->action == RULE_SKIPTO && !rule->tablearg && rule->argument <= number)
        return 0;
    if (end && number >= end->number && number_behind(number) > RULE_NUMBER_MAX)
        return 0;
    insert_rule(set, rule, number);
    if (end)
        end->number = number_behind(last_ordinary(set));
    return number;
}

const struct address_list *ruleset_own_list(struct ruleset *set, struct address_list *list)
{
    set->lists = grow_array(set->lists, set->list_count + 1, sizeof(*set->lists));
    set->lists[set->list_count++] = list;
    list->id = (unsigned)set->list_count;
    return list;
}

void ruleset_remove(struct ruleset *set, size_t at)
{
    free(set->rules[at]);
    for (set->count--; at < set->count; at++)
        set->rules[at] = set->rules[at + 1];
}

void ruleset_free(struct ruleset *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->rules[i]);
    free(set->rules);
    for (size_t i = 0; i < set->list_count; i++)
        address_list_free(set->lists[i]);
    free(set->lists);
    *set = (struct ruleset){0};
}
