/* SPDX-License-Identifier: BSD-2-Clause */
/* Translates pf rules, where the last match decides, to rules where the first does. */
#include "pf/private.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exempts ICMP errors about a connection from a rule that blocks ICMP: they belong to the
 * connection. */
static void emit_icmp_errors(struct pf_translation *t, const struct rule *variant)
{
    static const int protos[] = {IPPROTO_ICMP, IPPROTO_ICMPV6};
    int proto = rule_proto(variant);

    for (int i = 0; i < 2; i++) {
        static struct rule rule;

        if (proto >= 0 && proto != protos[i])
            continue;
        rule = *variant;
        rule.log = false;
        if (proto < 0)
            pf_append_number(&rule, CLAUSE_PROTO, false, protos[i]);
        pf_append_number(&rule, CLAUSE_CONNECTION, false, CONNECTION_RELATED);
        pf_append_note(&rule, "but not errors about connections");
        pf_emit_rule(t, &rule, RULE_ALLOW, 0);
    }
}

static void emit_packet(struct pf_translation *t, const struct pf_rule *pf,
                        const struct rule *variant)
{
    static struct rule rule;
    int proto = rule_proto(variant);

    rule = *variant;
    if (pf->flags.mask && proto < 0) {
        pf_append_number(&rule, CLAUSE_PROTO, false, IPPROTO_TCP);
        pf_append_tcpflags(&rule, pf->flags);
        pf_emit_action(t, pf, &rule);
        rule = *variant;
        pf_append_number(&rule, CLAUSE_PROTO, true, IPPROTO_TCP);
    } else if (pf->flags.mask && proto == IPPROTO_TCP) {
        pf_append_tcpflags(&rule, pf->flags);
    }
    pf_emit_action(t, pf, &rule);
}

static void emit_step(struct pf_translation *t, const struct pf_step *step,
                      const struct rule *variant, bool stateful)
{
    const struct pf_rule *pf = step->pf;

    if (step->only_tags || (pf->tag && (pf->quick || pf->action == PF_MATCH)))
        pf_emit_tag(t, pf, variant);
    if (step->only_tags)
        return;
    if (pf->max_mss)
        pf_emit_max_mss(t, pf, variant);
    if (stateful && pf->action == PF_BLOCK)
        emit_icmp_errors(t, variant);
    emit_packet(t, pf, variant);
}

static void emit_packets(struct pf_translation *t, bool stateful)
{
    for (size_t i = 0; i < t->order.count; i++) {
        const struct pf_step *step = &t->order.steps[i];
        struct pf_variants variants;

        if (step->pf->action == PF_MATCH && !step->pf->log && !step->pf->max_mss && !step->pf->tag)
            continue;
        pf_emit_variants(t, step->pf, &variants);
        for (size_t j = 0; j < variants.count && !t->full; j++) {
            variants.rules[j].log = step->pf->log;
            emit_step(t, step, &variants.rules[j], stateful);
        }
        free(variants.rules);
    }
}

static void emit_skipped(struct pf_translation *t, const struct pf_ruleset *pf)
{
    for (size_t i = 0; i < pf->skipped_count; i++) {
        static struct rule rule;

        memset(&rule, 0, sizeof(rule));
        strcpy(pf_append_clause(&rule, CLAUSE_VIA, false)->ifname, pf->skipped[i]);
        snprintf(rule.text, sizeof(rule.text), "set skip on %s", pf->skipped[i]);
        pf_emit_rule(t, &rule, RULE_ALLOW, 0);
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

static bool translation_fits(const struct pf_translation *t, struct rule_error *error)
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

/* All skipto rules lead to the rules for packets as they are, whose first number is known now. */
static void set_skipto_targets(const struct pf_translation *t)
{
    unsigned next = ruleset_last(t->out) + 1;

    for (size_t i = 0; i < t->out->count; i++) {
        if (t->out->rules[i]->action == RULE_SKIPTO)
            t->out->rules[i]->argument = next;
    }
}

bool pf_translate(struct pf_ruleset *pf, struct ruleset *rules, struct rule_error *error)
{
    struct pf_translation t = {.out = rules, .to_freebsd = pf_find_divert(pf, true, NULL)};
    bool stateful = false;

    if (!anchors_closed(pf, error))
        return false;
    resolve_tables(pf, rules);
    pf_order_make(pf, &t.order);
    for (size_t i = 0; i < pf->count; i++)
        stateful = stateful || pf_keeps_state(pf->rules[i]);
    emit_skipped(&t, pf);
    if (stateful) {
        pf_emit_connections(&t, CONNECTION_FORTH);
        pf_emit_connections(&t, CONNECTION_BACK);
        set_skipto_targets(&t);
    }
    emit_packets(&t, stateful);
    free(t.order.steps);
    return translation_fits(&t, error);
}
