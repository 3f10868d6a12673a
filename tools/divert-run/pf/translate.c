/* SPDX-License-Identifier: BSD-2-Clause */
/* Translates pf rules, of which the last match decides, into rules of which the first does. */
#include "pf/private.h"
#include "util/text.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct translation {
    struct pf_order order;
    struct ruleset *out;
    bool full; /* there were too many */
    const struct pf_rule *too_long;
    bool to_freebsd; /* what was diverted is not matched again */
};

static bool keeps_state(const struct pf_rule *pf)
{
    return pf->action == PF_PASS && !pf->stateless;
}

static struct rule_atom *append_clause(struct rule *rule, enum clause_kind kind, bool negated)
{
    struct rule_clause *clause = &rule->clauses[rule->clause_count++];

    *clause = (struct rule_clause){
        .kind = kind, .negated = negated, .first = rule->atom_count++, .count = 1};
    rule->atoms[clause->first] = (struct rule_atom){0};
    return &rule->atoms[clause->first];
}

static void append_number(struct rule *rule, enum clause_kind kind, bool negated, int number)
{
    struct rule_atom *atom = append_clause(rule, kind, negated);

    atom->range.lo = atom->range.hi = (uint16_t)number;
}

static void append_tcpflags(struct rule *rule, struct rule_tcpflags flags)
{
    append_clause(rule, CLAUSE_TCPFLAGS, false)->flags = flags;
}

static void append_condition(struct rule *rule, enum clause_kind kind, bool negated)
{
    rule->clauses[rule->clause_count++] =
        (struct rule_clause){.kind = kind, .negated = negated, .first = rule->atom_count};
}

static void emit_rule(struct translation *t, const struct rule *rule, enum rule_action action,
                      unsigned argument)
{
    static struct rule copy;

    copy = *rule;
    copy.number = ruleset_last(t->out) + 1;
    copy.action = action;
    copy.argument = argument;
    if (t->to_freebsd)
        append_condition(&copy, CLAUSE_DIVERTED, true);
    if (copy.number > PF_RULES_MAX)
        t->full = true;
    else
        ruleset_add(t->out, &copy);
}

/* Adds the rule with the action of PF. */
static void emit_action(struct translation *t, const struct pf_rule *pf, const struct rule *rule)
{
    if (pf->action == PF_BLOCK)
        emit_rule(t, rule, RULE_DENY, 0);
    else if (pf->divert_port)
        emit_rule(t, rule, RULE_DIVERT, pf->divert_port);
    else
        emit_rule(t, rule, RULE_ALLOW, 0);
}

static void append_note(struct rule *rule, const char *note)
{
    size_t length = strlen(rule->text);

    snprintf(rule->text + length, sizeof(rule->text) - length, " # %s", note);
}

/* ---- packets of answered connections ---- */

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

/* Conditions that later packets of a connection, or those of the other direction, do not show. */
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
    case CLAUSE_REVPATH:
    case CLAUSE_ICMPCODE:
    case CLAUSE_ICMP6CODE:
        return way == CONNECTION_FORTH;
    default:
        return true;
    }
}

/* Leaves these conditions out of a rule that keeps state. False: it keeps none, so that a packet of
 * a connection, which it did not decide, is none that it matches. */
static bool leave_out_hidden(const struct pf_rule *pf, struct rule *rule, enum connection way)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < rule->clause_count; i++) {
        if (shows_later(rule->clauses[i].kind, way))
            rule->clauses[kept++] = rule->clauses[i];
        else if (!keeps_state(pf))
            return false;
    }
    rule->clause_count = kept;
    return true;
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

/* Restricts RULE to connections whose first packet it can match: with TCP, one with SYN. False:
 * there is none. */
static bool restrict_to_first_packet(const struct pf_rule *pf, struct rule *rule)
{
    int proto = rule_proto(rule);

    if ((TH_SYN & pf->flags.mask) == pf->flags.value || (proto >= 0 && proto != IPPROTO_TCP))
        return true;
    if (proto == IPPROTO_TCP)
        return false;
    append_number(rule, CLAUSE_PROTO, true, IPPROTO_TCP);
    return true;
}

static bool same_direction(const struct pf_rule *a, const struct pf_rule *b)
{
    enum clause_kind opposite = pf_find_clause(a, CLAUSE_IN) ? CLAUSE_OUT : CLAUSE_IN;
    bool either = !pf_find_clause(a, CLAUSE_IN) && !pf_find_clause(a, CLAUSE_OUT);

    return either || !pf_find_clause(b, opposite);
}

/* Does a rule that keeps state stand behind rule AT, and in the same direction? */
static bool hides_stateful_rule(const struct pf_order *order, size_t at)
{
    for (size_t i = at + 1; i < order->count; i++) {
        if (keeps_state(order->rules[i]) && same_direction(order->rules[at], order->rules[i]))
            return true;
    }
    return false;
}

static void expand_rule(struct translation *t, const struct pf_rule *pf,
                        struct pf_variants *variants)
{
    pf_expand(pf, variants);
    if (variants->too_long && !t->too_long)
        t->too_long = pf;
}

static void emit_of_connection(struct translation *t, const struct pf_rule *pf,
                               const struct rule *variant, enum connection way)
{
    static struct rule rule;

    rule = *variant;
    if (!leave_out_hidden(pf, &rule, way) || !restrict_to_first_packet(pf, &rule) ||
        (way == CONNECTION_BACK && !mirror_rule(&rule)))
        return;
    append_number(&rule, CLAUSE_CONNECTION, false, way);
    append_note(&rule, way == CONNECTION_BACK ? "answers" : "answered before");
    if (keeps_state(pf))
        emit_action(t, pf, &rule);
    else
        emit_rule(t, &rule, RULE_SKIPTO, RULE_NUMBER_MAX);
}

static void emit_connections(struct translation *t, enum connection way)
{
    for (size_t i = 0; i < t->order.count; i++) {
        const struct pf_rule *pf = t->order.rules[i];
        struct pf_variants variants;

        if (pf->action == PF_MATCH || (!keeps_state(pf) && !hides_stateful_rule(&t->order, i)))
            continue;
        expand_rule(t, pf, &variants);
        for (size_t j = 0; j < variants.count && !t->full; j++)
            emit_of_connection(t, pf, &variants.rules[j], way);
        free(variants.rules);
    }
}

/* All skipto rules go to the rules for packets as they are. Their first number is known now. */
static void set_skipto_targets(const struct translation *t)
{
    unsigned next = ruleset_last(t->out) + 1;

    for (size_t i = 0; i < t->out->count; i++) {
        if (t->out->rules[i]->action == RULE_SKIPTO)
            t->out->rules[i]->argument = next;
    }
}

/* ---- packets as they are ---- */

/* Exempts ICMP errors about a connection from a rule that blocks ICMP: they belong to the
 * connection. */
static void emit_icmp_errors(struct translation *t, const struct rule *variant)
{
    static const int protos[] = {IPPROTO_ICMP, IPPROTO_ICMPV6};
    int proto = rule_proto(variant);

    for (int i = 0; i < 2; i++) {
        static struct rule rule;

        if (proto >= 0 && proto != protos[i])
            continue;
        rule = *variant;
        if (proto < 0)
            append_number(&rule, CLAUSE_PROTO, false, protos[i]);
        append_number(&rule, CLAUSE_CONNECTION, false, CONNECTION_RELATED);
        append_note(&rule, "but not errors about connections");
        emit_rule(t, &rule, RULE_ALLOW, 0);
    }
}

static void emit_packet(struct translation *t, const struct pf_rule *pf, const struct rule *variant)
{
    static struct rule rule;
    int proto = rule_proto(variant);

    rule = *variant;
    if (pf->flags.mask && proto < 0) {
        append_number(&rule, CLAUSE_PROTO, false, IPPROTO_TCP);
        append_tcpflags(&rule, pf->flags);
        emit_action(t, pf, &rule);
        rule = *variant;
        append_number(&rule, CLAUSE_PROTO, true, IPPROTO_TCP);
    } else if (pf->flags.mask && proto == IPPROTO_TCP) {
        append_tcpflags(&rule, pf->flags);
    }
    emit_action(t, pf, &rule);
}

static void emit_packets(struct translation *t, bool stateful)
{
    for (size_t i = 0; i < t->order.count; i++) {
        const struct pf_rule *pf = t->order.rules[i];
        struct pf_variants variants;

        if (pf->action == PF_MATCH)
            continue;
        expand_rule(t, pf, &variants);
        for (size_t j = 0; j < variants.count && !t->full; j++) {
            if (stateful && pf->action == PF_BLOCK)
                emit_icmp_errors(t, &variants.rules[j]);
            emit_packet(t, pf, &variants.rules[j]);
        }
        free(variants.rules);
    }
}

/* ---- all of it ---- */

static void emit_skipped(struct translation *t, const struct pf_ruleset *pf)
{
    for (size_t i = 0; i < pf->skipped_count; i++) {
        static struct rule rule;

        memset(&rule, 0, sizeof(rule));
        strcpy(append_clause(&rule, CLAUSE_VIA, false)->ifname, pf->skipped[i]);
        snprintf(rule.text, sizeof(rule.text), "set skip on %s", pf->skipped[i]);
        emit_rule(t, &rule, RULE_ALLOW, 0);
    }
}

static void resolve_tables(struct pf_ruleset *pf, struct ruleset *rules)
{
    for (size_t i = 0; i < pf->count; i++) {
        for (size_t j = 0; j < pf->rules[i]->clause_count; j++) {
            const struct pf_clause *clause = &pf->rules[i]->clauses[j];

            for (size_t k = 0; k < clause->count; k++) {
                if (clause->items[k].table)
                    pf_table_resolve(pf, &clause->items[k], rules);
            }
        }
    }
}

static void warn_of_answers(struct pf_ruleset *pf)
{
    for (size_t i = 0; i < pf->count; i++) {
        if (pf->rules[i]->action == PF_BLOCK && pf->rules[i]->answer != PF_DROP) {
            pf_warn(pf, "block return: blocked packets are dropped without an answer");
            return;
        }
    }
}

static bool translation_fits(const struct translation *t, struct rule_error *error)
{
    error->offset = error->length = 0;
    if (t->too_long)
        snprintf(error->message, sizeof(error->message),
                 "'%.300s': too many conditions, or exceptions in a list or table; split it",
                 t->too_long->text);
    else
        snprintf(error->message, sizeof(error->message),
                 "the lists in the rules of pf stand for more than %d rules", PF_RULES_MAX);
    return !t->too_long && !t->full;
}

static bool anchors_closed(const struct pf_ruleset *pf, struct rule_error *error)
{
    error->offset = error->length = 0;
    snprintf(error->message, sizeof(error->message), "the '{' of an anchor is not closed");
    return !pf->anchor_count;
}

bool pf_translate(struct pf_ruleset *pf, struct ruleset *rules, struct rule_error *error)
{
    struct translation t = {.out = rules, .to_freebsd = pf_uses_divert_to(pf)};
    bool stateful = false;

    if (!anchors_closed(pf, error))
        return false;
    resolve_tables(pf, rules);
    warn_of_answers(pf);
    pf_order_make(pf, &t.order);
    for (size_t i = 0; i < pf->count; i++)
        stateful = stateful || keeps_state(pf->rules[i]);
    emit_skipped(&t, pf);
    if (stateful) {
        emit_connections(&t, CONNECTION_FORTH);
        emit_connections(&t, CONNECTION_BACK);
        set_skipto_targets(&t);
    }
    emit_packets(&t, stateful);
    free(t.order.rules);
    return translation_fits(&t, error);
}
