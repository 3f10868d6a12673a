/* SPDX-License-Identifier: BSD-2-Clause */
/* Assigns bits of the mark to packet tags. */
#include "rule/packet_tags.h"

/* The first rule that sets the same tag; RULE itself, if none before it does. */
static const struct rule *first_with_tag(const struct ruleset *rules, unsigned tag)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->rules[i]->packet_tag == tag && !rules->rules[i]->removes_tag)
            return rules->rules[i];
    }
    return NULL;
}

static bool is_first_with_tag(const struct ruleset *rules, const struct rule *rule)
{
    return rule->packet_tag && first_with_tag(rules, rule->packet_tag) == rule;
}

unsigned packet_tags_count(const struct ruleset *rules)
{
    unsigned count = 0;

    for (size_t i = 0; i < rules->count; i++)
        count += is_first_with_tag(rules, rules->rules[i]);
    return count;
}

/* The bits of all tags that a clause names. Tags that no rule sets have none. */
static uint32_t bits_of_clause(const struct ruleset *rules, const struct rule *rule,
                               const struct rule_clause *clause)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *setter = rules->rules[i];

        for (unsigned j = 1; is_first_with_tag(rules, setter) && j < clause->count; j++) {
            const struct rule_range *range = &rule->atoms[clause->first + j].range;

            if (setter->packet_tag >= range->lo && setter->packet_tag <= range->hi)
                bits |= setter->tag_bit;
        }
    }
    return bits;
}

static void enter_bits(const struct ruleset *rules, struct rule *rule)
{
    const struct rule *setter = first_with_tag(rules, rule->packet_tag);

    if (rule->packet_tag)
        rule->tag_bit = setter ? setter->tag_bit : 0;
    for (unsigned i = 0; i < rule->clause_count; i++) {
        if (rule->clauses[i].kind == CLAUSE_TAGGED)
            rule->atoms[rule->clauses[i].first].range.lo =
                bits_of_clause(rules, rule, &rule->clauses[i]);
    }
}

const struct rule *packet_tags_assign(const struct ruleset *rules, uint32_t mask)
{
    for (size_t i = 0; i < rules->count; i++) {
        struct rule *rule = rules->rules[i];

        if (!is_first_with_tag(rules, rule))
            continue;
        if (!mask)
            return rule;
        rule->tag_bit = mask & -mask;
        mask &= mask - 1;
    }
    for (size_t i = 0; i < rules->count; i++)
        enter_bits(rules, rules->rules[i]);
    return NULL;
}
