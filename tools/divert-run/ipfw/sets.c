/* SPDX-License-Identifier: BSD-2-Clause */
/* The command "set": enables sets of rules, and moves rules to another set. */
#include "ipfw/commands.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const switches[] = {"enable", "disable", NULL};

/* "disable 3 4 enable 5"; set 31 is always enabled. */
static enum ipfw_result switch_sets(struct command *c)
{
    uint32_t disabled = c->model->disabled_sets;

    while (!parser_at_end(&c->p)) {
        bool enable = ipfw_lex_at(&c->p, "enable");
        unsigned set, count = 0;

        if (!ipfw_lex_in(&c->p.word, switches)) {
            parser_fail(&c->p, "'%s': expected 'enable' or 'disable'", c->p.word.s);
            return command_refused(c);
        }
        if (!ipfw_lex_next(&c->p))
            return command_refused(c);
        while (!count || isdigit((unsigned char)c->p.word.s[0])) {
            if (!command_set_number(c, &set))
                return command_refused(c);
            disabled = enable ? disabled & ~(1u << set) : disabled | 1u << set;
            count++;
        }
    }
    if (!c->syntax_only)
        c->model->disabled_sets = disabled & ~(1u << (RULE_SETS - 1));
    return IPFW_DONE;
}

static bool read_to(struct command *c, unsigned *set)
{
    if (!ipfw_lex_at(&c->p, "to"))
        return parser_fail(&c->p, "'%s': expected 'to' and the number of a set", c->p.word.s);
    return ipfw_lex_next(&c->p) && command_set_number(c, set) && command_at_end(c);
}

/* "move 3 to 5", "move rule 100 to 5" */
static enum ipfw_result move_rules(struct command *c)
{
    struct ruleset *rules = &c->model->rules;
    struct rule_range range = {0, RULE_DEFAULT};
    unsigned from = 0, to = 0;
    bool rule;

    if (!ipfw_lex_next(&c->p))
        return command_refused(c);
    rule = ipfw_lex_at(&c->p, "rule");
    if (rule ? !ipfw_lex_next(&c->p) || !command_rule_range(c, &range)
             : !command_set_number(c, &from))
        return command_refused(c);
    if (!read_to(c, &to))
        return command_refused(c);
    for (size_t i = 0; i < rules->count && !c->syntax_only; i++) {
        struct rule *one = rules->rules[i];

        if (rule ? one->number >= range.lo && one->number <= range.hi : one->set == from)
            one->set = to;
    }
    return IPFW_DONE;
}

static enum ipfw_result swap_sets(struct command *c)
{
    struct ruleset *rules = &c->model->rules;
    unsigned a = 0, b = 0;

    if (!ipfw_lex_next(&c->p) || !command_set_number(c, &a) || !command_set_number(c, &b) ||
        !command_at_end(c))
        return command_refused(c);
    for (size_t i = 0; i < rules->count && !c->syntax_only; i++) {
        struct rule *one = rules->rules[i];

        one->set = one->set == a ? b : one->set == b ? a : one->set;
    }
    return IPFW_DONE;
}

static enum ipfw_result show_sets(struct command *c)
{
    uint32_t disabled = c->model->disabled_sets;

    for (int which = 0; which < 2; which++) {
        const char *word = which ? "enable" : "disable";

        for (unsigned set = 0; set < RULE_SETS; set++) {
            if ((disabled >> set & 1) == (unsigned)which)
                continue;
            text_add(&c->reply->out, "%s%s %u", word && c->reply->out.len ? " " : "",
                     word ? word : "", set);
            word = NULL;
        }
    }
    text_add(&c->reply->out, "\n");
    return IPFW_DONE;
}

enum ipfw_result command_set(struct command *c)
{
    if (ipfw_lex_in(&c->p.word, switches))
        return switch_sets(c);
    if (ipfw_lex_at(&c->p, "move"))
        return move_rules(c);
    if (ipfw_lex_at(&c->p, "swap"))
        return swap_sets(c);
    if (ipfw_lex_at(&c->p, "show"))
        return show_sets(c);
    parser_fail(&c->p, "'%s': expected enable, disable, move, swap or show after 'set'",
                c->p.word.s);
    return command_refused(c);
}
