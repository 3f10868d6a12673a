/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parses rules of OpenBSD's pf.conf(5), and translates them to rules of rule.h. There the first
 * rule that matches decides; in pf it is the last one, or the first one that is quick.
 *
 * Connection tracking stands in for the states of pf. A packet of a connection that was answered is
 * first matched as the packet that began the connection: for an answer, addresses, ports and
 * direction are exchanged. If a pass rule that keeps state decides then, its action is taken.
 * Otherwise the packet is matched as it is, like all others.
 */
#ifndef DIVERT_RUN_PF_H
#define DIVERT_RUN_PF_H

#include "language/parser.h"

#define PF_RULES_MAX 8000 /* of rule.h, after translation */

struct pf_rule {
    bool block, quick, stateless, log;
    unsigned divert_port; /* 0: none */
    bool has_flags;
    struct rule_tcpflags flags; /* for TCP only */
    /* What it matches. Each interface or protocol of a clause stands for a rule of its own, and so
     * does each negated address: negated[] has the number of its item, from 1. */
    struct rule match;
    unsigned char negated[RULE_ATOMS_MAX];
};

/* Parses one rule, as ipfw_parse() does. Interfaces named as hosts are looked up. */
enum rule_result pf_parse(const char *text, struct pf_rule *out, struct rule_error *error);

/* Rules in the order in which they were given. */
struct pf_ruleset {
    struct pf_rule **rules;
    size_t count;
};

void pf_add(struct pf_ruleset *set, const struct pf_rule *rule);
void pf_free(struct pf_ruleset *set);

/* Appends the translation of PF to RULES, which must be empty. False: it exceeds PF_RULES_MAX. */
bool pf_translate(const struct pf_ruleset *pf, struct ruleset *rules);

#endif
