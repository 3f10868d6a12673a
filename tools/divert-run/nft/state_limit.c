/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `limit` counts: connections in sets of nf_tables, limit-N-4 and limit-N-6. The rules that
 * one rule of the user became, such as the alternatives of an or-block, count in the sets of the
 * first of them.
 */
#include "nft/private.h"

static size_t limit_index(const struct plan *plan, const struct rule *rule)
{
    const unsigned group = rule->state.limit_group;
    size_t i = 0;

    while (plan->rules->rules[i] != rule &&
           (!group || plan->rules->rules[i]->state.limit_group != group))
        i++;
    return i + 1;
}

/* The parts of a packet that a rule names, as expressions or as types of a set. */
static void add_limit_parts(const struct rule *rule, int family, bool types, struct text *out)
{
    const struct {
        enum limit_part part;
        const char *word, *type;
    } parts[] = {
        {LIMIT_SRC_ADDR, family == 4 ? "ip saddr" : "ip6 saddr",
         family == 4 ? "ipv4_addr" : "ipv6_addr"},
        {LIMIT_SRC_PORT, "th sport", "inet_service"},
        {LIMIT_DST_ADDR, family == 4 ? "ip daddr" : "ip6 daddr",
         family == 4 ? "ipv4_addr" : "ipv6_addr"},
        {LIMIT_DST_PORT, "th dport", "inet_service"},
    };
    const char *dot = "";

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!(rule->state.parts & parts[i].part))
            continue;
        text_add(out, "%s%s", dot, types ? parts[i].type : parts[i].word);
        dot = " . ";
    }
}

/* Connection tracking counts, since it knows which connections still exist. */
void nft_limit_make(const struct plan *plan, struct chain *chain, const struct rule *rule,
                    int family)
{
    struct text text = {0};

    text_add(&text, "meta nfproto ipv%d add @limit-%zu-%d { ", family, limit_index(plan, rule),
             family);
    add_limit_parts(rule, family, false, &text);
    text_add(&text, " ct count over %u }", rule->state.limit);
    chain_line(chain, text_str(&text))->verdict = VERDICT_DROP;
    text_free(&text);
}

static void print_limit_set(const struct rule *rule, size_t index, int family, struct text *out)
{
    text_add(out, "\tset limit-%zu-%d {\n\t\ttype ", index, family);
    add_limit_parts(rule, family, true, out);
    text_add(out, "\n\t\tsize %d\n\t\tflags dynamic\n\t}\n", DYNAMIC_MAX);
}

void nft_print_limit(const struct plan *plan, const struct rule *rule, struct text *out)
{
    size_t index = limit_index(plan, rule);

    if (!rule->state.limit || plan->rules->rules[index - 1] != rule)
        return;
    print_limit_set(rule, index, 4, out);
    print_limit_set(rule, index, 6, out);
}
