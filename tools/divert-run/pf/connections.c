/* SPDX-License-Identifier: BSD-2-Clause */
/* Translates pf rules for packets of established connections. */
#include "pf/private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

static enum clause_kind mirrored_kind(enum clause_kind kind)
{
    switch (kind) {
    case CLAUSE_IN:
        return CLAUSE_OUT;
    case CLAUSE_OUT:
        return CLAUSE_IN;
    case CLAUSE_SRC:
        return CLAUSE_DST;
    case CLAUSE_DST:
        return CLAUSE_SRC;
    case CLAUSE_SPORT:
        return CLAUSE_DPORT;
    case CLAUSE_DPORT:
        return CLAUSE_SPORT;
    default:
        return kind;
    }
}

/* The ICMP type of the answer, or -1. */
static int icmp_answer(enum clause_kind kind, int type)
{
    if (kind == CLAUSE_ICMP6TYPES)
        return type == 128 ? 129 : -1;
    switch (type) {
    case 8:
        return 0;
    case 13:
    case 15:
    case 17:
        return type + 1;
    default:
        return -1;
    }
}

/* Replaces the types by those of their answers, and drops those without. False: none is left. */
static bool mirror_icmp_types(struct rule *rule, struct rule_clause *clause)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < clause->count; i++) {
        int answer = icmp_answer(clause->kind, rule->atoms[clause->first + i].range.lo);
        struct rule_range *range = &rule->atoms[clause->first + kept].range;

        if (answer < 0)
            continue;
        range->lo = range->hi = (uint16_t)answer;
        kept++;
    }
    clause->count = kept;
    return kept;
}

/* Does a condition hold for later packets of a connection, or for those of the other direction? */
static bool shows_later(enum clause_kind kind, enum connection way)
{
    switch (kind) {
    case CLAUSE_IPTOS:
    case CLAUSE_FRAG:
    case CLAUSE_PROB:
        return false;
    case CLAUSE_UID:
    case CLAUSE_GID:
    case CLAUSE_RECV:
    case CLAUSE_TAGGED:
    case CLAUSE_REVPATH:
    case CLAUSE_ROUTED:
    case CLAUSE_ICMPCODE:
    case CLAUSE_ICMP6CODE:
        return way == CONNECTION_FORTH;
    default:
        return true;
    }
}

/*
 * Removes the other conditions from a rule that keeps state. False: the rule keeps none; a packet
 * of a connection was not decided by it, and does not match it now.
 */
static bool leave_out_hidden(const struct pf_rule *pf, struct rule *rule, enum connection way)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < rule->clause_count; i++) {
        if (shows_later(rule->clauses[i].kind, way))
            rule->clauses[kept++] = rule->clauses[i];
        else if (!pf_keeps_state(pf))
            return false;
    }
    rule->clause_count = kept;
    return true;
}

static void leave_out_for_answer(struct rule *rule)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < rule->clause_count; i++) {
        if (shows_later(rule->clauses[i].kind, CONNECTION_BACK))
            rule->clauses[kept++] = rule->clauses[i];
    }
    rule->clause_count = kept;
}

static bool mirror_rule(struct rule *rule)
{
    for (unsigned i = 0; i < rule->clause_count; i++) {
        struct rule_clause *clause = &rule->clauses[i];

        clause->kind = mirrored_kind(clause->kind);
        if (clause->kind == CLAUSE_ICMPTYPES || clause->kind == CLAUSE_ICMP6TYPES) {
            if (!mirror_icmp_types(rule, clause))
                return false;
        }
    }
    return true;
}

/*
 * Restricts RULE to connections whose first packet it can match: for TCP, one with SYN. False:
 * there is none.
 */
static bool restrict_to_first_packet(const struct pf_rule *pf, struct rule *rule)
{
    int proto = rule_proto(rule);

    if ((TH_SYN & pf->flags.mask) == pf->flags.value || (proto >= 0 && proto != IPPROTO_TCP))
        return true;
    if (proto == IPPROTO_TCP)
        return false;
    pf_append_number(rule, CLAUSE_PROTO, true, IPPROTO_TCP);
    return true;
}

static bool same_direction(const struct pf_rule *a, const struct pf_rule *b)
{
    enum clause_kind opposite = pf_find_clause(a, CLAUSE_IN) ? CLAUSE_OUT : CLAUSE_IN;
    bool either = !pf_find_clause(a, CLAUSE_IN) && !pf_find_clause(a, CLAUSE_OUT);

    return either || !pf_find_clause(b, opposite);
}

/* Does a rule that keeps state follow rule AT, in the same direction? */
static bool hides_stateful_rule(const struct pf_order *order, size_t at)
{
    for (size_t i = at + 1; i < order->count; i++) {
        if (!order->steps[i].only_tags && pf_keeps_state(order->steps[i].pf) &&
            same_direction(order->steps[at].pf, order->steps[i].pf))
            return true;
    }
    return false;
}

static void emit_of_connection(struct pf_translation *t, const struct pf_rule *pf,
                               const struct rule *variant, enum connection way)
{
    static struct rule rule;

    rule = *variant;
    if (!leave_out_hidden(pf, &rule, way) || !restrict_to_first_packet(pf, &rule) ||
        (way == CONNECTION_BACK && !mirror_rule(&rule)))
        return;
    pf_append_number(&rule, CLAUSE_CONNECTION, false, way);
    rule.log = pf->log_all;
    pf_append_note(&rule, way == CONNECTION_BACK ? "answers" : "answered before");
    if (pf_keeps_state(pf))
        pf_emit_action(t, pf, &rule);
    else
        pf_emit_rule(t, &rule, RULE_SKIPTO, RULE_NUMBER_MAX);
}

static void emit_mss_of_answers(struct pf_translation *t, const struct pf_rule *pf)
{
    static const struct rule_tcpflags answer = {.mask = TH_SYN | TH_ACK, .value = TH_SYN | TH_ACK};
    struct pf_variants variants;

    pf_emit_variants(t, pf, &variants);
    for (size_t i = 0; i < variants.count && !t->full; i++) {
        struct rule *rule = &variants.rules[i];

        leave_out_for_answer(rule);
        if (!mirror_rule(rule))
            continue;
        if (rule_proto(rule) < 0)
            pf_append_number(rule, CLAUSE_PROTO, false, IPPROTO_TCP);
        pf_append_tcpflags(rule, answer);
        pf_emit_max_mss(t, pf, rule);
    }
    free(variants.rules);
}

static void emit_tag_of_connection(struct pf_translation *t, const struct pf_rule *pf)
{
    struct pf_variants variants;

    pf_emit_variants(t, pf, &variants);
    for (size_t i = 0; i < variants.count && !t->full; i++) {
        if (leave_out_hidden(pf, &variants.rules[i], CONNECTION_FORTH))
            pf_emit_tag(t, pf, &variants.rules[i]);
    }
    free(variants.rules);
}

void pf_emit_connections(struct pf_translation *t, enum connection way)
{
    for (size_t i = 0; i < t->order.count; i++) {
        const struct pf_rule *pf = t->order.steps[i].pf;
        bool decides = !t->order.steps[i].only_tags && pf->action != PF_MATCH;
        struct pf_variants variants;

        if (pf->max_mss && way == CONNECTION_BACK && !t->order.steps[i].only_tags)
            emit_mss_of_answers(t, pf);
        if (pf->tag && way == CONNECTION_FORTH && (pf->quick || !decides))
            emit_tag_of_connection(t, pf);
        if (!decides || (!pf_keeps_state(pf) && !hides_stateful_rule(&t->order, i)))
            continue;
        pf_emit_variants(t, pf, &variants);
        for (size_t j = 0; j < variants.count && !t->full; j++)
            emit_of_connection(t, pf, &variants.rules[j], way);
        free(variants.rules);
    }
}
