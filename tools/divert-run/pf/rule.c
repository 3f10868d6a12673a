/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds a rule of pf in memory. */
#include "pf/private.h"

#include <stdlib.h>
#include <string.h>

struct pf_rule *pf_rule_make(void)
{
    struct pf_rule *pf = grow_array(NULL, 1, sizeof(*pf));

    *pf = (struct pf_rule){0};
    return pf;
}

struct pf_clause *pf_add_clause(struct pf_rule *pf, enum clause_kind kind)
{
    struct pf_clause *clause;

    pf->clauses = grow_array(pf->clauses, pf->clause_count + 1, sizeof(*pf->clauses));
    clause = &pf->clauses[pf->clause_count++];
    *clause = (struct pf_clause){.kind = kind};
    return clause;
}

struct pf_item *pf_add_item(struct pf_rule *pf, enum clause_kind kind, bool negated)
{
    struct pf_clause *clause = &pf->clauses[pf->clause_count - 1];
    struct pf_item *item;

    clause->items = grow_array(clause->items, clause->count + 1, sizeof(*clause->items));
    item = &clause->items[clause->count++];
    *item = (struct pf_item){.kind = kind, .negated = negated};
    return item;
}

struct rule_atom *pf_item_atom(struct pf_item *item)
{
    if (!(item->count & (item->count - 1))) /* the memory is full at 0, 1, 2, 4, ... */
        item->atoms =
            grow_array(item->atoms, item->count ? 2 * item->count : 1, sizeof(*item->atoms));
    memset(&item->atoms[item->count], 0, sizeof(*item->atoms));
    return &item->atoms[item->count++];
}

struct pf_item *pf_plain_item(struct pf_rule *pf)
{
    struct pf_clause *clause = &pf->clauses[pf->clause_count - 1];

    for (size_t i = 0; i < clause->count; i++) {
        struct pf_item *item = &clause->items[i];

        if (item->kind == clause->kind && !item->negated && !item->table)
            return item;
    }
    return pf_add_item(pf, clause->kind, false);
}

const struct pf_clause *pf_find_clause(const struct pf_rule *pf, enum clause_kind kind)
{
    for (size_t i = 0; i < pf->clause_count; i++) {
        if (pf->clauses[i].kind == kind)
            return &pf->clauses[i];
    }
    return NULL;
}

/* The value of the only atom of a clause, or -1. */
static int only_number(const struct pf_clause *clause)
{
    if (!clause || clause->count != 1 || clause->items[0].count != 1)
        return -1;
    return (int)clause->items[0].atoms[0].range.lo;
}

int pf_rule_family(const struct pf_rule *pf)
{
    int family = only_number(pf_find_clause(pf, CLAUSE_FAMILY));

    return family < 0 ? 0 : family;
}

int pf_rule_proto(const struct pf_rule *pf)
{
    return only_number(pf_find_clause(pf, CLAUSE_PROTO));
}

static void copy_pf_item(struct pf_item *to, const struct pf_item *from)
{
    *to = *from;
    to->table = from->table ? copy_string(from->table) : NULL;
    to->atoms = NULL;
    to->count = 0;
    for (size_t i = 0; i < from->count; i++)
        *pf_item_atom(to) = from->atoms[i];
}

void pf_copy_clause(struct pf_rule *pf, const struct pf_clause *clause)
{
    pf_add_clause(pf, clause->kind);
    for (size_t i = 0; i < clause->count; i++)
        copy_pf_item(pf_add_item(pf, clause->kind, false), &clause->items[i]);
}

void pf_rule_free(struct pf_rule *pf)
{
    for (size_t i = 0; pf && i < pf->clause_count; i++) {
        for (size_t j = 0; j < pf->clauses[i].count; j++) {
            free(pf->clauses[i].items[j].atoms);
            free(pf->clauses[i].items[j].table);
        }
        free(pf->clauses[i].items);
    }
    if (pf) {
        free(pf->clauses);
        free(pf->text);
        free(pf->where);
    }
    free(pf);
}
