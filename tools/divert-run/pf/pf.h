/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of OpenBSD's pf.conf(5), and what becomes of them: rules of rule.h, of which the first that
 * matches decides, where in pf it is the last one, or the first that is quick.
 *
 * What pf keeps as a state, connection tracking has as a connection. A packet of a connection that
 * was answered before meets the rules as the packet did that began it: an answer with its ends and
 * its direction exchanged. If a pass rule that keeps state decides that way, that is the end of it;
 * otherwise the packet meets the rules on its own account, like all others.
 */
#ifndef DIVERT_RUN_PF_H
#define DIVERT_RUN_PF_H

#include "language/parser.h"

#define PF_RULES_MAX 8000 /* that they may become */

struct pf_rule {
    bool block, quick, stateless, log;
    unsigned divert_port; /* 0: none */
    bool has_flags;
    struct rule_tcpflags flags; /* concern TCP alone */
    /* What it matches. Several interfaces or protocols in one clause stand for as many rules, and
     * so do addresses with '!': each is of the negated item with that number, from 1. */
    struct rule match;
    unsigned char negated[RULE_ATOMS_MAX];
};

/* As ipfw_parse(). Looks up the addresses of interfaces that are named for their addresses. */
enum rule_result pf_parse(const char *text, struct pf_rule *out, struct rule_error *error);

/* Rules in the order in which they were given. */
struct pf_ruleset {
    struct pf_rule **rules;
    size_t count;
};

void pf_add(struct pf_ruleset *set, const struct pf_rule *rule);
void pf_free(struct pf_ruleset *set);

/* Appends to RULES, which is empty, what PF means. False: that is more than PF_RULES_MAX. */
bool pf_translate(const struct pf_ruleset *pf, struct ruleset *rules);

#endif
