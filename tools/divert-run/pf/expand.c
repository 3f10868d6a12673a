/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes out the lists of a pf rule, as one rule for each combination. */
#include "pf/private.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

struct expansion {
    const struct pf_rule *pf;
    struct rule made; /* the part built so far */
    struct pf_variants *out;
};

static void begin_clause(struct rule *rule, enum clause_kind kind, bool negated)
{
    rule->clauses[rule->clause_count++] =
        (struct rule_clause){.kind = kind, .negated = negated, .first = rule->atom_count};
}

static void copy_atom(struct rule *rule, const struct rule_atom *atom)
{
    rule->atoms[rule->atom_count++] = *atom;
    rule->clauses[rule->clause_count - 1].count++;
}

static void expand_from(struct expansion *e, unsigned clause);

/* Adds the clause with the atoms of negated ITEM, or if that is 0, those that are not negated.
 * FAMILY restricts them to one family; 0: any. */
static void expand_item(struct expansion *e, unsigned at, unsigned char item, int family)
{
    const struct rule *rule = &e->pf->match;
    const struct rule_clause *clause = &rule->clauses[at];
    unsigned clauses = e->made.clause_count, atoms = e->made.atom_count;

    begin_clause(&e->made, clause->kind, item != 0);
    for (unsigned i = clause->first; i < clause->first + clause->count; i++) {
        enum addr_kind kind = rule->atoms[i].addr.kind;

        if (e->pf->negated[i] == item && (!family || kind == (family == 4 ? ADDR_NET4 : ADDR_NET6)))
            copy_atom(&e->made, &rule->atoms[i]);
    }
    if (family) { /* in pf "! 10.0.0.1" matches IPv4 only */
        struct rule_atom atom = {.range = {(uint16_t)family, (uint16_t)family}};

        begin_clause(&e->made, CLAUSE_FAMILY, false);
        copy_atom(&e->made, &atom);
    }
    if (e->made.clauses[clauses].count || !clause->count)
        expand_from(e, at + 1);
    e->made.clause_count = clauses;
    e->made.atom_count = atoms;
}

static void expand_hosts(struct expansion *e, unsigned at)
{
    const struct rule_clause *clause = &e->pf->match.clauses[at];
    unsigned char done = 0;

    expand_item(e, at, 0, 0);
    for (unsigned i = clause->first; i < clause->first + clause->count; i++) {
        unsigned char item = e->pf->negated[i];
        enum addr_kind kind = e->pf->match.atoms[i].addr.kind;

        if (item <= done)
            continue;
        done = item;
        if (kind == ADDR_NET4 || kind == ADDR_NET6) {
            expand_item(e, at, item, 4);
            expand_item(e, at, item, 6);
        } else {
            expand_item(e, at, item, 0);
        }
    }
}

static void expand_each(struct expansion *e, unsigned at)
{
    const struct rule_clause *clause = &e->pf->match.clauses[at];
    unsigned clauses = e->made.clause_count, atoms = e->made.atom_count;

    for (unsigned i = clause->first; i < clause->first + clause->count; i++) {
        begin_clause(&e->made, clause->kind, e->pf->negated[i]);
        copy_atom(&e->made, &e->pf->match.atoms[i]);
        expand_from(e, at + 1);
        e->made.clause_count = clauses;
        e->made.atom_count = atoms;
    }
}

static void expand_from(struct expansion *e, unsigned clause)
{
    struct pf_variants *out = e->out;

    if (out->count > PF_RULES_MAX)
        return;
    if (clause == e->pf->match.clause_count) {
        if (!(out->count & (out->count - 1))) /* the memory is full at 0, 1, 2, 4, ... */
            out->rules =
                grow_array(out->rules, out->count ? 2 * out->count : 1, sizeof(*out->rules));
        out->rules[out->count++] = e->made;
        return;
    }
    switch (e->pf->match.clauses[clause].kind) {
    case CLAUSE_VIA:
    case CLAUSE_PROTO:
        expand_each(e, clause);
        break;
    case CLAUSE_SRC:
    case CLAUSE_DST:
        expand_hosts(e, clause);
        break;
    default:
        expand_item(e, clause, 0, 0);
    }
}

void pf_expand(const struct pf_rule *pf, struct pf_variants *out)
{
    static struct expansion e;

    memset(&e, 0, sizeof(e));
    e.pf = pf;
    e.out = out;
    *out = (struct pf_variants){0};
    memcpy(e.made.text, pf->match.text, sizeof(e.made.text));
    expand_from(&e, 0);
}

void pf_add(struct pf_ruleset *set, const struct pf_rule *rule)
{
    struct pf_rule *copy = grow_array(NULL, 1, sizeof(*copy));

    *copy = *rule;
    set->rules = grow_array(set->rules, set->count + 1, sizeof(*set->rules));
    set->rules[set->count++] = copy;
}

void pf_free(struct pf_ruleset *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->rules[i]);
    free(set->rules);
    *set = (struct pf_ruleset){0};
}
