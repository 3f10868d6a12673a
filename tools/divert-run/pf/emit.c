/* SPDX-License-Identifier: BSD-2-Clause */
/* Emits the rules to which pf rules are translated. */
#include "pf/private.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool pf_keeps_state(const struct pf_rule *pf)
{
    return pf->action == PF_PASS && !pf->stateless;
}

struct rule_atom *pf_append_clause(struct rule *rule, enum clause_kind kind, bool negated)
{
    struct rule_clause *clause = &rule->clauses[rule->clause_count++];

    *clause = (struct rule_clause){
        .kind = kind, .negated = negated, .first = rule->atom_count++, .count = 1};
    rule->atoms[clause->first] = (struct rule_atom){0};
    return &rule->atoms[clause->first];
}

void pf_append_number(struct rule *rule, enum clause_kind kind, bool negated, int number)
{
    struct rule_atom *atom = pf_append_clause(rule, kind, negated);

    atom->range.lo = atom->range.hi = (uint16_t)number;
}

void pf_append_tcpflags(struct rule *rule, struct rule_tcpflags flags)
{
    pf_append_clause(rule, CLAUSE_TCPFLAGS, false)->flags = flags;
}

static void append_condition(struct rule *rule, enum clause_kind kind, bool negated)
{
    rule->clauses[rule->clause_count++] =
        (struct rule_clause){.kind = kind, .negated = negated, .first = rule->atom_count};
}

void pf_emit_rule(struct pf_translation *t, const struct rule *rule, enum rule_action action,
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

/* For packets of one family only. */
static void emit_answer6(struct pf_translation *t, const struct pf_rule *pf,
                         const struct rule *rule, bool six)
{
    static struct rule copy;

    copy = *rule;
    pf_append_number(&copy, CLAUSE_FAMILY, false, six ? 6 : 4);
    copy.answer.kind = six ? ANSWER_UNREACH6 : ANSWER_UNREACH;
    copy.answer.code = six ? pf->code6 : pf->code;
    pf_emit_rule(t, &copy, RULE_DENY, 0);
}

static void emit_unreachable(struct pf_translation *t, const struct pf_rule *pf,
                             const struct rule *rule)
{
    emit_answer6(t, pf, rule, false);
    emit_answer6(t, pf, rule, true);
}

/* "return" is a RST for TCP, and ICMP unreachable for others. */
static void emit_block(struct pf_translation *t, const struct pf_rule *pf, const struct rule *rule)
{
    static struct rule copy;
    int proto = rule_proto(rule);

    copy = *rule;
    if (pf->answer == PF_DROP ||
        (pf->answer == PF_RETURN_RST && proto >= 0 && proto != IPPROTO_TCP)) {
        pf_emit_rule(t, &copy, RULE_DENY, 0);
        return;
    }
    if (pf->answer != PF_RETURN_ICMP && (proto < 0 || proto == IPPROTO_TCP)) {
        if (proto < 0)
            pf_append_number(&copy, CLAUSE_PROTO, false, IPPROTO_TCP);
        copy.answer.kind = ANSWER_RESET;
        pf_emit_rule(t, &copy, RULE_DENY, 0);
        copy = *rule;
        if (proto == IPPROTO_TCP)
            return;
    }
    if (pf->answer == PF_RETURN_RST)
        pf_emit_rule(t, &copy, RULE_DENY, 0);
    else
        emit_unreachable(t, pf, &copy);
}

/* Adds the rule with the action of PF. */
void pf_emit_action(struct pf_translation *t, const struct pf_rule *pf, const struct rule *rule)
{
    if (pf->action == PF_MATCH && pf->log)
        pf_emit_rule(t, rule, RULE_COUNT, 0);
    if (pf->action == PF_MATCH)
        return;
    if (pf->action == PF_BLOCK)
        emit_block(t, pf, rule);
    else if (pf->divert_port)
        pf_emit_rule(t, rule, RULE_DIVERT, pf->divert_port);
    else
        pf_emit_rule(t, rule, RULE_ALLOW, 0);
}

void pf_emit_tag(struct pf_translation *t, const struct pf_rule *pf, const struct rule *variant)
{
    static struct rule rule;

    rule = *variant;
    rule.log = false;
    rule.packet_tag = pf->tag;
    pf_emit_rule(t, &rule, RULE_COUNT, 0);
}

/* Lowers the segment size in a SYN; for rules that keep state also in the SYN that answers it. */
void pf_emit_max_mss(struct pf_translation *t, const struct pf_rule *pf, const struct rule *variant)
{
    static struct rule rule;

    rule = *variant;
    rule.log = false;
    if (rule_proto(&rule) < 0)
        pf_append_number(&rule, CLAUSE_PROTO, false, IPPROTO_TCP);
    pf_emit_rule(t, &rule, RULE_SETMSS, pf->max_mss);
}

void pf_append_note(struct rule *rule, const char *note)
{
    size_t length = strlen(rule->text);

    snprintf(rule->text + length, sizeof(rule->text) - length, " # %s", note);
}

void pf_emit_variants(struct pf_translation *t, const struct pf_rule *pf,
                      struct pf_variants *variants)
{
    pf_expand(pf, variants);
    if (variants->too_long && !t->too_long)
        t->too_long = pf;
}
