/* SPDX-License-Identifier: BSD-2-Clause */
/* Expands the lists of a pf rule to one rule for each combination. */
#include "pf/private.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the translation may add to a rule. */
#define ATOMS_SPARE   8
#define CLAUSES_SPARE 4
/* Atoms of one list in a rule, if all lists together do not fit. */
#define ATOMS_PART 40

struct expansion {
    const struct pf_rule *pf;
    size_t part;      /* at most so many atoms of a list in a rule */
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

static void expand_from(struct expansion *e, size_t clause);

/*
 * Expands the clauses after AT, then removes what AT added: CLAUSES and ATOMS are the counts
 * before.
 */
static void expand_rest(struct expansion *e, size_t at, unsigned clauses, unsigned atoms)
{
    expand_from(e, at + 1);
    e->made.clause_count = clauses;
    e->made.atom_count = atoms;
}

static bool has_room(struct expansion *e, size_t clauses, size_t atoms)
{
    if (e->made.clause_count + clauses <= RULE_CLAUSES_MAX - CLAUSES_SPARE &&
        e->made.atom_count + atoms <= RULE_ATOMS_MAX - ATOMS_SPARE)
        return true;
    e->out->too_long = true;
    return false;
}

/* A rule of rule.h names one interface or protocol in a clause. */
static bool is_single(enum clause_kind kind)
{
    return kind == CLAUSE_VIA || kind == CLAUSE_RECV || kind == CLAUSE_PROTO;
}

/* One rule for each atom; of a negated item, all are conditions of one rule. */
static void expand_single(struct expansion *e, size_t at, const struct pf_item *item)
{
    unsigned clauses = e->made.clause_count, atoms = e->made.atom_count;

    for (size_t i = 0; i < item->count; i++) {
        if (!has_room(e, 1, 1))
            return;
        begin_clause(&e->made, item->kind, item->negated);
        copy_atom(&e->made, &item->atoms[i]);
        if (!item->negated)
            expand_rest(e, at, clauses, atoms);
    }
    if (item->negated)
        expand_rest(e, at, clauses, atoms);
}

static void add_pf_family(struct rule *rule, int family)
{
    struct rule_atom atom = {.range = {(uint32_t)family, (uint32_t)family}};

    begin_clause(rule, CLAUSE_FAMILY, false);
    copy_atom(rule, &atom);
}

static void expand_part(struct expansion *e, size_t at, const struct pf_item *item, size_t from,
                        size_t count)
{
    unsigned clauses = e->made.clause_count, atoms = e->made.atom_count;

    if (!has_room(e, 2, count + 1))
        return;
    begin_clause(&e->made, item->kind, item->negated);
    for (size_t i = from; i < from + count; i++)
        copy_atom(&e->made, &item->atoms[i]);
    if (item->family)
        add_pf_family(&e->made, item->family);
    expand_rest(e, at, clauses, atoms);
}

static bool is_condition_alone(enum clause_kind kind)
{
    return kind == CLAUSE_IN || kind == CLAUSE_OUT || kind == CLAUSE_FRAG ||
           kind == CLAUSE_REVPATH || kind == CLAUSE_ROUTED;
}

static void expand_table(struct expansion *e, size_t at, const struct pf_item *item)
{
    unsigned clauses = e->made.clause_count, atoms = e->made.atom_count;

    if (!item->list) {
        if (item->negated)
            expand_rest(e, at, clauses, atoms);
        return;
    }
    if (!has_room(e, 1, 0))
        return;
    begin_clause(&e->made, item->kind, item->negated);
    e->made.clauses[clauses].list = item->list;
    expand_rest(e, at, clauses, atoms);
}

/* No address is in an empty item, and all are in its negation. */
static void expand_pf_item(struct expansion *e, size_t at, const struct pf_item *item)
{
    if (item->table) {
        expand_table(e, at, item);
    } else if (is_single(item->kind)) {
        expand_single(e, at, item);
    } else if (is_condition_alone(item->kind)) {
        expand_part(e, at, item, 0, 0);
    } else if (!item->count && item->negated) {
        expand_rest(e, at, e->made.clause_count, e->made.atom_count);
    } else if (item->negated) {
        expand_part(e, at, item, 0, item->count);
    } else {
        for (size_t from = 0; from < item->count; from += e->part)
            expand_part(e, at, item, from,
                        item->count - from < e->part ? item->count - from : e->part);
    }
}

static void expand_from(struct expansion *e, size_t clause)
{
    struct pf_variants *out = e->out;

    if (out->count > PF_RULES_MAX)
        return;
    if (clause == e->pf->clause_count) {
        if (!(out->count & (out->count - 1))) /* the memory is full at 0, 1, 2, 4, ... */
            out->rules =
                grow_array(out->rules, out->count ? 2 * out->count : 1, sizeof(*out->rules));
        out->rules[out->count++] = e->made;
        return;
    }
    for (size_t i = 0; i < e->pf->clauses[clause].count; i++)
        expand_pf_item(e, clause, &e->pf->clauses[clause].items[i]);
}

static size_t atoms_of_longest_items(const struct pf_rule *pf)
{
    size_t sum = 0;

    for (size_t i = 0; i < pf->clause_count; i++) {
        size_t longest = 0;

        for (size_t j = 0; j < pf->clauses[i].count; j++) {
            if (pf->clauses[i].items[j].count > longest)
                longest = pf->clauses[i].items[j].count;
        }
        sum += longest + 1;
    }
    return sum;
}

void pf_expand(const struct pf_rule *pf, struct pf_variants *out)
{
    static struct expansion e;
    bool fits = atoms_of_longest_items(pf) <= RULE_ATOMS_MAX - ATOMS_SPARE;

    memset(&e, 0, sizeof(e));
    e.pf = pf;
    e.out = out;
    e.part = fits ? RULE_ATOMS_MAX : ATOMS_PART;
    *out = (struct pf_variants){0};
    e.made.pf_rule = pf->number;
    snprintf(e.made.text, sizeof(e.made.text), "%s", pf->text ? pf->text : "");
    expand_from(&e, 0);
}
