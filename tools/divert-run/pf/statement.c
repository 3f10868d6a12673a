/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds one statement of a pf file. */
#include "pf/private.h"

#include <stdlib.h>
#include <string.h>

#define CLAUSES_MAX 12 /* leaves room for several clauses from one */

void pf_add_rule(struct pf_ruleset *set, struct pf_rule *rule)
{
    pf_apply_anchors(set, rule);
    set->rules = grow_array(set->rules, set->count + 1, sizeof(*set->rules));
    set->rules[set->count++] = rule;
    rule->number = (unsigned)set->count;
    rule->where = set->where ? copy_string(set->where) : NULL;
}

static bool parse_include(struct pf_parser *pp)
{
    char *path;

    if (!pf_lex_next(pp) || !pf_lex_word(pp, "the name of a file", &path))
        return false;
    pp->set->include = path;
    return parser_at_end(&pp->p) ||
           parser_fail(&pp->p, "'%s': expected nothing after the name of the file", pp->p.word.s);
}

/* Without braces. */
static bool skip_statement(struct pf_parser *pp)
{
    while (!parser_at_end(&pp->p)) {
        if (!pf_lex_next(pp))
            return false;
    }
    return true;
}

static bool parse_other_anchor(struct pf_parser *pp)
{
    pf_note(pp->set, "'%s': stays empty; nothing can be loaded into it", pp->p.word.s);
    return skip_statement(pp);
}

static bool parse_queue(struct pf_parser *pp)
{
    pf_warn(pp->set, "'%s': has no effect: bandwidth is shared by tc (tc qdisc)", pp->p.word.s);
    return skip_statement(pp);
}

/* "no nat", "no rdr", "no scrub": exceptions from what is not supported. */
static bool parse_no(struct pf_parser *pp)
{
    static const char *const whats[] = {"nat", "rdr", "binat", "scrub", NULL};

    if (!pf_lex_next(pp))
        return false;
    if (!pf_lex_in(pp, whats))
        return parser_fail(&pp->p, "'%s': expected nat, rdr, binat or scrub after 'no'",
                           pp->p.word.s);
    pf_note(pp->set, "'no %s': has no effect: there is nothing to exempt from", pp->p.word.s);
    return skip_statement(pp);
}

static const struct {
    const char *keyword;
    bool (*parse)(struct pf_parser *pp);
} statement_parsers[] = {
    {"pass", pf_parse_rule},
    {"block", pf_parse_rule},
    {"match", pf_parse_rule},
    {"scrub", pf_parse_rule},
    {"set", pf_parse_set},
    {"table", pf_parse_table},
    {"antispoof", pf_parse_antispoof},
    {"anchor", pf_parse_anchor},
    {"}", pf_close_anchor},
    {"include", parse_include},
    {"queue", parse_queue},
    {"altq", parse_queue},
    {"no", parse_no},
    {"nat-anchor", parse_other_anchor},
    {"rdr-anchor", parse_other_anchor},
    {"binat-anchor", parse_other_anchor},
    {"scrub-anchor", parse_other_anchor},
    {"dummynet-anchor", parse_other_anchor},
};

static bool parse_statement(struct pf_parser *pp)
{
    for (size_t i = 0; i < sizeof(statement_parsers) / sizeof(*statement_parsers); i++) {
        if (pf_lex_at(pp, statement_parsers[i].keyword))
            return statement_parsers[i].parse(pp);
    }
    if (pf_refuses_statement(pp))
        return false;
    return parser_fail(&pp->p,
                       "'%s': expected a rule (pass, block, match) or another statement of pf.conf "
                       "(set, table, antispoof, anchor, include, name = value)",
                       pp->p.word.s);
}

static bool check_clauses(struct pf_parser *pp)
{
    return pp->pf->clause_count + pf_anchor_clauses(pp->set) <= CLAUSES_MAX ||
           parser_fail(&pp->p,
                       "a rule has at most %d conditions, with those of the anchors around "
                       "it",
                       CLAUSES_MAX);
}

/* Drops the rules from FROM on. */
static void drop_rules(struct pf_ruleset *set, size_t from)
{
    while (set->count > from)
        pf_rule_free(set->rules[--set->count]);
}

enum rule_result pf_statement(struct pf_ruleset *set, const char *text, struct rule_error *error)
{
    struct pf_parser pp = {.p = {.error = error}, .set = set};
    size_t before = set->count;
    bool good;

    free(set->include);
    set->include = NULL;
    if (pf_macro_define(set, text))
        return RULE_OK;
    if (!pf_lex_start(&pp, text))
        return RULE_BAD;
    if (parser_at_end(&pp.p))
        return RULE_EMPTY;
    pp.pf = pf_rule_make();
    good = parse_statement(&pp) && (!pp.pf || check_clauses(&pp));
    if (good && pp.pf && pp.is_rule) {
        pf_add_rule(set, pp.pf);
        return RULE_OK;
    }
    pf_rule_free(pp.pf);
    if (!good)
        drop_rules(set, before);
    return good ? RULE_OK : RULE_BAD;
}

const struct pf_rule *pf_find_divert(const struct pf_ruleset *pf, bool divert_to,
                                     const struct pf_rule *after)
{
    for (size_t i = after ? after->number : 0; i < pf->count; i++) {
        if (pf->rules[i]->divert_port && pf->rules[i]->divert_to == divert_to)
            return pf->rules[i];
    }
    return NULL;
}

void pf_free(struct pf_ruleset *set)
{
    drop_rules(set, 0);
    free(set->rules);
    free(set->skipped);
    free(set->include);
    for (size_t i = 0; i < set->tag_count; i++)
        free(set->tags[i]);
    free(set->tags);
    pf_macros_free(set);
    pf_tables_free(set);
    pf_anchors_free(set);
    pf_free_notes(set->notes, set->note_count);
    *set = (struct pf_ruleset){0};
}
