/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects the places where the packets of rules are counted. */
#include "plan/counters.h"

#include <stdlib.h>
#include <string.h>

void counters_add(struct counters *counters, int family, const struct chain *chain,
                  const struct line *line, unsigned row)
{
    struct counter *counter;

    if (!counters || !line->counts || line->rule->action == RULE_CHECK_STATE)
        return;
    counters->items = grow_array(counters->items, counters->count + 1, sizeof(*counters->items));
    counter = &counters->items[counters->count++];
    *counter = (struct counter){.rule = line->rule, .family = family, .row = row};
    memcpy(counter->chain, chain->name, sizeof(counter->chain));
}

static int compare_rules(const struct counter *a, const struct counter *b)
{
    uintptr_t x = (uintptr_t)a->rule, y = (uintptr_t)b->rule;

    return x < y ? -1 : x > y;
}

/* Those of one rule are in an order that does not depend on the host. */
static int compare_counters(const void *a, const void *b)
{
    const struct counter *x = a, *y = b;
    int order = compare_rules(x, y);

    if (!order)
        order = strcmp(x->chain, y->chain);
    if (!order)
        order = x->row < y->row ? -1 : x->row > y->row;
    return order ? order : x->family - y->family;
}

void counters_sort(struct counters *counters)
{
    if (counters->count)
        qsort(counters->items, counters->count, sizeof(*counters->items), compare_counters);
}

const struct counter *counters_of_rule(const struct counters *counters, const struct rule *rule,
                                       size_t *count)
{
    const struct counter key = {.rule = rule};
    size_t low = 0, high = counters->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (compare_rules(&counters->items[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low + *count < counters->count; ++*count) {
        if (counters->items[low + *count].rule != rule)
            break;
    }
    return *count ? &counters->items[low] : NULL;
}

void counters_free(struct counters *counters)
{
    free(counters->items);
    *counters = (struct counters){0};
}
