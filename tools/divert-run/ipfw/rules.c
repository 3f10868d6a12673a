/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands about existing rules: delete, flush, list, show, zero. */
#include "ipfw/commands.h"

#include <ctype.h>
#include <sysexits.h>

static bool in_range(const struct rule *rule, const struct rule_range *range)
{
    unsigned number = rule->is_default ? RULE_DEFAULT : rule->number;

    return number >= range->lo && number <= range->hi;
}

/* Removes rules by number, of one set, or of all if SET is below 0. Returns how many. */
static unsigned remove_rules(struct ruleset *rules, const struct rule_range *range, int set)
{
    unsigned removed = 0;

    for (size_t i = rules->count; i-- > 0;) {
        const struct rule *rule = rules->rules[i];

        if (rule->is_default || !in_range(rule, range) || (set >= 0 && rule->set != (unsigned)set))
            continue;
        ruleset_remove(rules, i);
        removed++;
    }
    return removed;
}

static enum ipfw_result delete_set(struct command *c)
{
    static const struct rule_range all = {0, RULE_DEFAULT};
    unsigned set;

    if (!ipfw_lex_next(&c->p) || !command_set_number(c, &set) || !command_at_end(c))
        return command_refused(c);
    if (!c->syntax_only)
        remove_rules(&c->model->rules, &all, (int)set);
    return IPFW_DONE;
}

/* All of the line is read before anything is deleted. */
static bool read_ranges(struct command *c)
{
    struct command ahead = *c;
    struct rule_range range;

    if (parser_at_end(&c->p))
        return parser_fail(&c->p, "expected the number of a rule, or 'set' and its number");
    while (!parser_at_end(&ahead.p)) {
        if (!command_rule_range(&ahead, &range))
            return false;
    }
    return true;
}

/* Deletes those that exist even if others do not, as ipfw does. */
enum ipfw_result command_delete(struct command *c)
{
    static const char *const absent[] = {"pipe", "queue", "sched", "nat", NULL};
    enum ipfw_result result = IPFW_DONE;
    struct rule_range range;

    if (ipfw_lex_in(&c->p.word, absent))
        return IPFW_DONE;
    if (ipfw_lex_at(&c->p, "set"))
        return delete_set(c);
    if (!read_ranges(c))
        return command_refused(c);
    while (!c->syntax_only && !parser_at_end(&c->p) && command_rule_range(c, &range)) {
        if (remove_rules(&c->model->rules, &range, c->set))
            continue;
        if (c->quiet)
            c->reply->status = EX_UNAVAILABLE;
        else if (range.lo == range.hi)
            command_failed(c, EX_UNAVAILABLE, "rule %u not found", range.lo);
        else
            command_failed(c, EX_UNAVAILABLE, "no rules in %u-%u range", range.lo, range.hi);
        result = IPFW_FAILED;
    }
    if (c->force) {
        c->reply->status = 0;
        result = IPFW_DONE;
    }
    return result;
}

/* Rules of the last set survive, unless it is named. */
enum ipfw_result command_flush(struct command *c)
{
    static const struct rule_range all = {0, RULE_DEFAULT};

    if (!command_at_end(c))
        return command_refused(c);
    for (int set = 0; !c->syntax_only && set < RULE_SETS; set++) {
        if (c->set < 0 ? set != RULE_SETS - 1 : set == c->set)
            remove_rules(&c->model->rules, &all, set);
    }
    if (!c->quiet)
        text_add(&c->reply->out, "Flushed all rules.\n");
    return IPFW_DONE;
}

static unsigned list_range(struct command *c, const struct rule_range *range)
{
    const struct ruleset *rules = &c->model->rules;
    unsigned listed = 0;

    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];

        if (!in_range(rule, range) || (c->set >= 0 && rule->set != (unsigned)c->set) ||
            (c->model->disabled_sets & 1u << rule->set && !c->show_sets))
            continue;
        ipfw_print_rule(c, rule);
        listed++;
    }
    return listed;
}

static bool has_default_rule(const struct ruleset *rules)
{
    return rules->count && rules->rules[rules->count - 1]->is_default;
}

enum ipfw_result command_list(struct command *c)
{
    static const struct rule_range all = {0, RULE_DEFAULT};
    enum ipfw_result result = IPFW_DONE;
    struct rule_range range;

    if (parser_at_end(&c->p)) {
        list_range(c, &all);
        if (!has_default_rule(&c->model->rules) && c->set < 0)
            text_add(&c->reply->out, "%u %sallow ip from any to any\n", RULE_DEFAULT,
                     c->counters ? "0 0 " : "");
        return IPFW_DONE;
    }
    while (!parser_at_end(&c->p)) {
        if (!command_rule_range(c, &range))
            return command_refused(c);
        if (!list_range(c, &range))
            result = command_failed(c, EX_UNAVAILABLE, "rule %u does not exist", range.lo);
    }
    return result;
}

enum ipfw_result command_show(struct command *c)
{
    c->counters = true;
    return command_list(c);
}

/* Nothing is counted before the rules are installed. */
enum ipfw_result command_zero(struct command *c)
{
    struct rule_range range;

    while (!parser_at_end(&c->p)) {
        if (!command_rule_range(c, &range))
            return command_refused(c);
    }
    if (!c->quiet)
        text_add(&c->reply->out, "Accounting cleared.\n");
    return IPFW_DONE;
}

void ipfw_print_rule(const struct command *c, const struct rule *rule)
{
    struct text *out = &c->reply->out;

    text_add(out, "%05u %s", rule->is_default ? RULE_DEFAULT : rule->number,
             c->counters ? "0 0 " : "");
    if (c->show_sets)
        text_add(out, "set %u ", rule->set);
    text_add(out, "%s\n", rule->text);
}
