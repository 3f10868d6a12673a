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

static void add_limit_key(const struct rule *rule, int family, struct text *out)
{
    const char *ip = family == 4 ? "ip" : "ip6", *dot = "";

    for (unsigned part = LIMIT_SRC_ADDR; part <= LIMIT_DST_PORT; part <<= 1) {
        const char *side = part == LIMIT_SRC_ADDR || part == LIMIT_SRC_PORT ? "s" : "d";

        if (!(rule->state.parts & part))
            continue;
        if (part == LIMIT_SRC_ADDR || part == LIMIT_DST_ADDR)
            text_add(out, "%s%s %saddr", dot, ip, side);
        else
            text_add(out, "%sth %sport", dot, side);
        dot = " . ";
    }
}

/* Connection tracking counts: it knows which connections there still are. */
void nft_limit_make(const struct plan *plan, struct chain *chain, const struct rule *rule,
                    int family)
{
    struct text text = {0};

    text_add(&text, "meta nfproto ipv%d add @limit-%zu-%d { ", family, limit_index(plan, rule),
             family);
    add_limit_key(rule, family, &text);
    text_add(&text, " ct count over %u }", rule->state.limit);
    chain_line(chain, text_str(&text))->verdict = VERDICT_DROP;
    text_free(&text);
}

static void print_limit_set(const struct rule *rule, size_t index, int family, struct text *out)
{
    const char *ip = family == 4 ? "ipv4_addr" : "ipv6_addr", *dot = "";

    text_add(out, "\tset limit-%zu-%d {\n\t\ttype ", index, family);
    for (unsigned part = LIMIT_SRC_ADDR; part <= LIMIT_DST_PORT; part <<= 1) {
        if (!(rule->state.parts & part))
            continue;
        text_add(out, "%s%s", dot,
                 part == LIMIT_SRC_ADDR || part == LIMIT_DST_ADDR ? ip : "inet_service");
        dot = " . ";
    }
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
