/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the counters of rules from the packet filter. */
#include "iptables/iptables.h"
#include "nft/nft.h"
#include "status/private.h"

#include <stdlib.h>
#include <string.h>

static bool has_counter_of(const struct status_run *run, int family)
{
    for (size_t i = 0; i < run->counter_count; i++) {
        if (run->counters[i].family == family)
            return true;
    }
    return false;
}

/* If the listing fails, the rules stay uncounted. */
static void list_run(const struct status_run *run, struct listing *listing)
{
    struct text text = {0};

    if (strcmp(run->lister, "nft") == 0) {
        if (nft_list(run->id, &text))
            listing_add_nft(listing, text.s);
        text_free(&text);
        return;
    }
    for (int family = 4; family <= 6; family += 2) {
        if (has_counter_of(run, family) && iptables_list_counters(run->lister, family, &text))
            listing_add_iptables(listing, family, text.s);
        text_free(&text);
    }
}

static void count_rule(const struct status_run *run, const struct listing *listing,
                       struct status_rule *rule)
{
    rule->counted = !rule->removed;
    for (size_t i = 0; i < rule->places && rule->counted; i++) {
        const struct status_counter *c = &run->counters[rule->first + i];

        rule->counted = listing_count(listing, c->family, c->chain, c->row, &rule->count);
    }
}

/* A rule with tablearg stands for one of the same number and text for each value. */
static bool is_same_rule(const struct status_rule *a, const struct status_rule *b)
{
    return a->number == b->number && strcasestr(a->text, "tablearg") &&
           strcmp(a->text, b->text) == 0;
}

static void join_rules(struct status_rule *rules, size_t count)
{
    struct status_rule *first = rules;

    for (size_t i = 1; i < count; i++) {
        struct status_rule *rule = &rules[i];

        rule->is_part = is_same_rule(first, rule);
        if (!rule->is_part) {
            first = rule;
            continue;
        }
        first->counted = first->counted && rule->counted;
        first->count.packets += rule->count.packets;
        first->count.bytes += rule->count.bytes;
    }
}

static int compare_states(const void *a, const void *b)
{
    const struct listing_state *x = a, *y = b;
    int order;

    if (x->maker != y->maker)
        return x->maker < y->maker ? -1 : 1;
    order = x->family != y->family ? x->family - y->family : strcmp(x->source, y->source);
    if (!order)
        order = strcmp(x->destination, y->destination);
    if (!order)
        order = (int)x->source_port - (int)y->source_port;
    return order ? order : (int)x->destination_port - (int)y->destination_port;
}

/* Takes over the dynamic rules of the run's rules. */
static void take_states(struct status_run *run, struct listing *listing)
{
    size_t kept = 0;

    for (size_t i = 0; i < listing->state_count; i++) {
        if (listing->states[i].maker && listing->states[i].maker <= run->rules)
            listing->states[kept++] = listing->states[i];
    }
    if (kept)
        qsort(listing->states, kept, sizeof(*listing->states), compare_states);
    run->states = listing->states;
    run->state_count = kept;
    listing->states = NULL;
}

void status_count_rules(struct status_list *list)
{
    for (size_t i = 0; i < list->run_count; i++) {
        struct status_run *run = &list->runs[i];
        struct listing listing = {0};

        list_run(run, &listing);
        listing_sort(&listing);
        for (size_t j = 0; j < run->rules; j++)
            count_rule(run, &listing, &list->rules[run->first + j]);
        if (run->rules)
            join_rules(&list->rules[run->first], run->rules);
        take_states(run, &listing);
        listing_free(&listing);
    }
}
