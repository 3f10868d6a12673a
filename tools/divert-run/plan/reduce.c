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

/* The family of an address, 0 for those that are of both. */
static int family_of_address(const struct rule_addr *addr)
{
    switch (addr->kind) {
    case ADDR_NET4:
    case ADDR_MASK4:
        return 4;
    case ADDR_ME6:
    case ADDR_NET6:
    case ADDR_MASK6:
        return 6;
    default:
        return 0;
    }
}

static bool is_everything(const struct rule_addr *addr)
{
    return (addr->kind == ADDR_NET4 || addr->kind == ADDR_NET6) && !addr->prefix;
}

/* Keeps the addresses of the place's family. */
static enum truth reduce_addresses(const struct rule *rule, const struct rule_clause *clause,
                                   struct match *match)
{
    for (unsigned i = 0; i < clause->count; i++) {
        const struct rule_atom *atom = &rule->atoms[clause->first + i];
        int family = family_of_address(&atom->addr);

        if (atom->addr.kind == ADDR_ANY)
            return ALWAYS;
        if (family && family != match->family)
            continue;
        if (is_everything(&atom->addr))
            return ALWAYS;
        match->atoms[match->count++] = atom;
    }
    return match->count ? DEPENDS : NEVER;
}

/* Keeps the pairs of the place's family. Only incoming packets can be spoofed. */
static enum truth reduce_spoofed(const struct rule *rule, const struct rule_clause *clause,
                                 const struct place *place, struct match *match)
{
    for (unsigned i = 0; place->hook == HOOK_IN && i + 1 < clause->count; i += 2) {
        const struct rule_atom *atom = &rule->atoms[clause->first + i];

        if (family_of_address(&atom->addr) != match->family || is_everything(&atom->addr))
            continue;
        match->atoms[match->count++] = atom;
        match->atoms[match->count++] = atom + 1;
    }
    return match->count ? DEPENDS : NEVER;
}

static enum truth reduce_diverted(const struct rule *rule, const struct rule_clause *clause,
                                  const struct place *place)
{
    bool incoming = clause->count && rule->atoms[clause->first].range.lo == 1;

    return truth_of(place->diverted && (!clause->count || incoming == (place->hook == HOOK_IN)));
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
        return reduce_diverted(rule, clause, place);
    case CLAUSE_SOCKARG:
        return truth_of(place->sockarg);
    case CLAUSE_SRC:
    case CLAUSE_DST:
        return clause->list ? reduce_list(clause->list, match)
                            : reduce_addresses(rule, clause, match);
    case CLAUSE_PROTO:
        return reduce_proto(atom->range.lo, place->family);
    case CLAUSE_ICMPTYPES:
    case CLAUSE_ICMPCODE:
        return place->family == 4 ? DEPENDS : NEVER;
    case CLAUSE_SPOOFED:
        return reduce_spoofed(rule, clause, place, match);
    case CLAUSE_TAGGED:
        match->atoms[match->count++] = atom;
        return atom->range.lo ? DEPENDS : NEVER;
    case CLAUSE_PROB:
        return !atom->range.lo ? NEVER : atom->range.lo < RULE_PROB_ONE ? DEPENDS : ALWAYS;
    case CLAUSE_IPSEC:
        return place->hook == HOOK_IN ? DEPENDS : NEVER;
    case CLAUSE_FRAGFLAGS:
    case CLAUSE_IPOPTION:
    case CLAUSE_IPTTL:
    case CLAUSE_IPID:
    case CLAUSE_IPPRECEDENCE:
    case CLAUSE_IPTOS:
        return place->family == 4 ? DEPENDS : NEVER;
    case CLAUSE_UID:
    case CLAUSE_GID:
        return place->hook == HOOK_OUT ? DEPENDS : NEVER;
    case CLAUSE_REVPATH:
    case CLAUSE_ROUTED:
        return place->hook == HOOK_IN ? DEPENDS : ALWAYS;
    case CLAUSE_ICMP6TYPES:
    case CLAUSE_EXT6HDR:
    case CLAUSE_FLOWID:
    case CLAUSE_ICMP6CODE:
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

const struct rule *ruleset_nft_rule(const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rule_clause(rules->rules[i], CLAUSE_IPOPTION))
            return rules->rules[i];
    }
    return NULL;
}

bool ruleset_sets_dscp(const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        for (int bits = 0; bits < 4 && rules->rules[i]->action == RULE_SETDSCP; bits++) {
            struct place place = {HOOK_IN, bits & 1 ? 6 : 4, bits & 2, false, 0};

            if (rule_possible(rules->rules[i], &place))
                return true;
        }
    }
    return false;
}

bool rule_has_family(const struct rule *rule, int family)
{
    for (int bits = 0; bits < 6; bits++) {
        struct place place = {bits & 1 ? HOOK_OUT : HOOK_IN, family, bits & 2, bits & 4, 0};

        if (rule_possible(rule, &place))
            return true;
    }
    return false;
}

bool ruleset_has_family(const struct ruleset *rules, int family)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rule_has_family(rules->rules[i], family))
            return true;
    }
    return false;
}
