/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions about the clauses of one rule. */
#include "rule/rule.h"

#include <netinet/in.h>

const struct rule_clause *rule_clause(const struct rule *rule, enum clause_kind kind)
{
    for (unsigned i = 0; i < rule->clause_count; i++) {
        if (rule->clauses[i].kind == kind)
            return &rule->clauses[i];
    }
    return NULL;
}

int rule_proto(const struct rule *rule)
{
    for (unsigned i = 0; i < rule->clause_count; i++) {
        const struct rule_clause *clause = &rule->clauses[i];

        if (clause->negated)
            continue;
        if (clause->kind == CLAUSE_PROTO)
            return rule->atoms[clause->first].range.lo;
        if (clause->kind == CLAUSE_TCPFLAGS || clause->kind == CLAUSE_ESTABLISHED ||
            (clause->kind >= CLAUSE_TCPSEQ && clause->kind <= CLAUSE_TCPOPTION))
            return IPPROTO_TCP;
        if (clause->kind == CLAUSE_ICMPTYPES || clause->kind == CLAUSE_ICMPCODE)
            return IPPROTO_ICMP;
        if (clause->kind == CLAUSE_ICMP6TYPES || clause->kind == CLAUSE_ICMP6CODE)
            return IPPROTO_ICMPV6;
    }
    return -1;
}

unsigned rule_shown_number(const struct rule *rule, unsigned base)
{
    return rule->is_default ? RULE_DEFAULT : rule->number - base;
}

void rule_comment(const struct rule *rule, struct text *out)
{
    text_add(out, "%u %s", rule_shown_number(rule, 0), rule->text);
}
