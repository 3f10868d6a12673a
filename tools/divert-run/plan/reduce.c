/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides the clauses of a rule that depend only on the place where a packet meets it. */
#include "plan/private.h"

#include <netinet/in.h>
#include <string.h>

static enum truth truth_of(bool holds)
{
    return holds ? ALWAYS : NEVER;
}

static enum truth reduce_list(const struct address_list *list, struct match *match)
{
    size_t count;
    const struct rule_addr *networks = address_list_family(list, match->family, &count);

    if (!count)
        return NEVER;
    if (!networks[0].prefix)
        return ALWAYS;
    match->list = list;
    return DEPENDS;
}

/* Keeps the addresses of the place's family. */
static enum truth reduce_addresses(const struct rule *rule, const struct rule_clause *clause,
                                   struct match *match)
{
    for (unsigned i = 0; i < clause->count; i++) {
        const struct rule_atom *atom = &rule->atoms[clause->first + i];
        int family = atom->addr.kind == ADDR_NET4 ? 4 : 6;

        if (atom->addr.kind == ADDR_ANY)
            return ALWAYS;
        if (atom->addr.kind > ADDR_IFACE && family != match->family)
            continue;
        if (atom->addr.kind >= ADDR_NET4 && !atom->addr.prefix)
            return ALWAYS;
        match->atoms[match->count++] = atom;
    }
    return match->count ? DEPENDS : NEVER;
}

static enum truth reduce_proto(int proto, int family)
{
    if (proto == IPPROTO_ICMP && family != 4)
        return NEVER;
    if (proto == IPPROTO_ICMPV6 && family != 6)
        return NEVER;
    return DEPENDS;
}

static enum truth reduce_interface(const char *name, const struct rule_clause *clause,
                                   const struct place *place)
{
    if (clause->kind == CLAUSE_XMIT && place->hook == HOOK_IN)
        return NEVER;
    return strcmp(name, "any") != 0 && strcmp(name, "*") != 0 ? DEPENDS : ALWAYS;
}

static enum truth reduce_kind(const struct rule *rule, const struct rule_clause *clause,
                              const struct place *place, struct match *match)
{
    const struct rule_atom *atom = &rule->atoms[clause->first];

    switch (clause->kind) {
    case CLAUSE_FAMILY:
        return truth_of((int)atom->range.lo == place->family);
    case CLAUSE_IN:
        return truth_of(place->hook == HOOK_IN);
    case CLAUSE_OUT:
        return truth_of(place->hook == HOOK_OUT);
    case CLAUSE_DIVERTED:
        return truth_of(place->diverted);
    case CLAUSE_SOCKARG:
        return truth_of(place->sockarg);
    case CLAUSE_SRC:
    case CLAUSE_DST:
        return clause->list ? reduce_list(clause->list, match)
                            : reduce_addresses(rule, clause, match);
    case CLAUSE_PROTO:
        return reduce_proto(atom->range.lo, place->family);
    case CLAUSE_ICMPTYPES:
        return place->family == 4 ? DEPENDS : NEVER;
    case CLAUSE_IPTTL:
    case CLAUSE_IPID:
    case CLAUSE_IPPRECEDENCE:
    case CLAUSE_IPTOS:
        return place->family == 4 ? DEPENDS : NEVER;
    case CLAUSE_UID:
    case CLAUSE_GID:
        return place->hook == HOOK_OUT ? DEPENDS : NEVER;
    case CLAUSE_REVPATH:
        return place->hook == HOOK_IN ? DEPENDS : ALWAYS;
    case CLAUSE_ICMP6TYPES:
        return place->family == 6 ? DEPENDS : NEVER;
    case CLAUSE_VIA:
    case CLAUSE_RECV:
    case CLAUSE_XMIT:
        return reduce_interface(atom->ifname, clause, place);
    default:
        return DEPENDS;
    }
}

enum truth clause_in_place(const struct rule *rule, const struct rule_clause *clause,
                           const struct place *place, struct match *match)
{
    enum truth truth;

    *match = (struct match){.kind = clause->kind,
                            .negated = clause->negated,
                            .hook = place->hook,
                            .family = place->family};
    match->proto = rule_proto(rule);
    if (clause->kind == CLAUSE_VIA)
        match->kind = place->hook == HOOK_IN ? CLAUSE_RECV : CLAUSE_XMIT;
    truth = reduce_kind(rule, clause, place, match);
    for (unsigned i = 0; truth == DEPENDS && !match->count && i < clause->count; i++)
        match->atoms[i] = &rule->atoms[clause->first + i];
    if (truth == DEPENDS && !match->count)
        match->count = clause->count;
    if (truth == DEPENDS || !clause->negated)
        return truth;
    return truth == ALWAYS ? NEVER : ALWAYS;
}

bool rule_possible(const struct rule *rule, const struct place *place)
{
    struct match match;

    for (unsigned i = 0; i < rule->clause_count; i++) {
        if (clause_in_place(rule, &rule->clauses[i], place, &match) == NEVER)
            return false;
    }
    return true;
}

bool ruleset_tracks(const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rule_clause(rules->rules[i], CLAUSE_CONNECTION))
            return true;
    }
    return false;
}

bool ruleset_sets_dscp(const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        for (int bits = 0; bits < 4 && rules->rules[i]->action == RULE_SETDSCP; bits++) {
            struct place place = {HOOK_IN, bits & 1 ? 6 : 4, bits & 2, false};

            if (rule_possible(rules->rules[i], &place))
                return true;
        }
    }
    return false;
}

bool ruleset_has_family(const struct ruleset *rules, int family)
{
    for (size_t i = 0; i < rules->count; i++) {
        for (int bits = 0; bits < 6; bits++) {
            struct place place = {bits & 1 ? HOOK_OUT : HOOK_IN, family, bits & 2, bits & 4};

            if (rule_possible(rules->rules[i], &place))
                return true;
        }
    }
    return false;
}
