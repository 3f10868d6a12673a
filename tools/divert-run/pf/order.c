/* SPDX-License-Identifier: BSD-2-Clause */
/* Sorts pf rules, where the last match decides, so that the first does. */
#include "pf/private.h"

/* A match rule decides nothing: it applies unless a quick rule decided before it. */
static bool comes_first(const struct pf_rule *pf)
{
    return pf->quick || pf->action == PF_MATCH;
}

static void append_step(struct pf_order *order, const struct pf_rule *pf, bool only_tags)
{
    order->steps[order->count++] = (struct pf_step){pf, only_tags};
}

static void append_first_step(struct pf_order *order, const struct pf_rule *pf)
{
    if (comes_first(pf) || pf->tag)
        append_step(order, pf, !comes_first(pf));
}

/* The rules of a quick anchor, which begin at FROM. Returns the index of what follows. */
static size_t order_quick_anchor(const struct pf_ruleset *pf, size_t from, struct pf_order *order)
{
    unsigned anchor = pf->rules[from]->quick_anchor;
    size_t end = from;

    for (; end < pf->count && pf->rules[end]->quick_anchor == anchor; end++) {
        append_first_step(order, pf->rules[end]);
    }
    for (size_t i = end; i-- > from;) {
        if (!comes_first(pf->rules[i]))
            append_step(order, pf->rules[i], false);
    }
    return end;
}

/* The quick rules come first, then the others from the last to the first. */
void pf_order_make(const struct pf_ruleset *pf, struct pf_order *order)
{
    *order = (struct pf_order){.steps = grow_array(NULL, 2 * pf->count, sizeof(*order->steps))};
    for (size_t i = 0; i < pf->count;) {
        if (pf->rules[i]->quick_anchor) {
            i = order_quick_anchor(pf, i, order);
            continue;
        }
        append_first_step(order, pf->rules[i]);
        i++;
    }
    for (size_t i = pf->count; i-- > 0;) {
        if (!comes_first(pf->rules[i]) && !pf->rules[i]->quick_anchor)
            append_step(order, pf->rules[i], false);
    }
}
