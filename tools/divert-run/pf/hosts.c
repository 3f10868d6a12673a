/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the hosts of a pf rule. */
#include "pf/private.h"

#include <net/if.h>
#include <string.h>

/* Where the addresses of a list item go. */
struct host_target {
    struct pf_parser *pp;
    bool negated;
};

static enum clause_kind host_clause(const struct pf_parser *pp)
{
    return pp->pf->clauses[pp->pf->clause_count - 1].kind;
}

/* In pf "! 10.0.0.1" matches IPv4 only, so a negated name is one item for each family. */
static struct pf_item *negated_item(struct pf_parser *pp, int family)
{
    struct pf_clause *clause = &pp->pf->clauses[pp->pf->clause_count - 1];
    struct pf_item *item;

    for (size_t i = pp->first_item; i < clause->count; i++) {
        if (clause->items[i].family == family)
            return &clause->items[i];
    }
    item = pf_add_item(pp->pf, clause->kind, true);
    item->family = family;
    return item;
}

static void add_host_address(void *context, const struct rule_addr *addr)
{
    const struct host_target *target = context;
    struct pf_item *item = target->negated ? negated_item(target->pp, pf_address_family(addr))
                                           : pf_plain_item(target->pp->pf);

    pf_item_atom(item)->addr = *addr;
}

static bool parse_host_network(struct pf_parser *pp, bool negated, bool *is_one)
{
    struct host_target target = {pp, negated};
    int wanted = pf_rule_family(pp->pf);
    struct rule_addr addr;
    bool bad_mask;

    *is_one = pf_read_network(pp->p.word.s, &addr, &bad_mask);
    if (bad_mask)
        return parser_fail(&pp->p, "'%s': expected a prefix length after the address",
                           pp->p.word.s);
    if (!*is_one)
        return true;
    if (wanted && pf_address_family(&addr) != wanted)
        return parser_fail(&pp->p, "'%s': an address of IPv%d in a rule for %s", pp->p.word.s,
                           pf_address_family(&addr), wanted == 4 ? "inet" : "inet6");
    add_host_address(&target, &addr);
    return true;
}

/* "a - b" */
static bool parse_host_range(struct pf_parser *pp, bool negated)
{
    struct host_target target = {pp, negated};
    struct rule_addr from, to;
    bool bad_mask;

    pf_read_network(pp->p.word.s, &from, &bad_mask);
    if (!pf_lex_next(pp) || !pf_lex_expect(pp, "-"))
        return false;
    if (!pf_read_network(pp->p.word.s, &to, &bad_mask) || from.kind != to.kind)
        return parser_fail(&pp->p, "'%s': expected an address of the same family as the first",
                           pp->p.word.s);
    if (!pf_range_addresses(&from, &to, add_host_address, &target))
        return parser_fail(&pp->p, "'%s': the range ends before it begins", pp->p.word.s);
    return pf_lex_next(pp);
}

/* A name, and what is found for it. */
struct name_look_up {
    struct host_target target;
    struct pf_modifiers modifiers;
    size_t found, names;
};

static void look_up_interface(void *context, const char *name)
{
    struct name_look_up *l = context;

    l->names++;
    l->found += pf_interface_addresses(name, &l->modifiers, pf_rule_family(l->target.pp->pf),
                                       add_host_address, &l->target);
}

static bool is_group_with_members(const char *name)
{
    return strcmp(name, "egress") == 0;
}

/* The name of an interface stands for the addresses that it has now. */
static bool parse_host_name(struct pf_parser *pp, bool negated, bool dynamic)
{
    struct name_look_up l = {.target = {pp, negated}};
    struct word word = pp->p.word;
    const char *name;
    bool is_interface;

    if (!pf_cut_modifiers(word.s, &l.modifiers))
        return parser_fail(&pp->p,
                           "'%s': expected :network, :broadcast, :peer or :0 after an interface",
                           pp->p.word.s);
    name = parser_interface_name(word.s);
    is_interface = if_nametoindex(name) || is_group_with_members(name);
    if (strcmp(name, "self") == 0)
        l.found = pf_interface_addresses(NULL, &l.modifiers, pf_rule_family(pp->pf),
                                         add_host_address, &l.target);
    else if (is_interface)
        pf_interfaces_of(name, look_up_interface, &l);
    else if (!strchr(pp->p.word.s, ':') && !dynamic)
        l.found = pf_host_addresses(name, pf_rule_family(pp->pf), add_host_address, &l.target);
    if (l.found && dynamic)
        pf_warn(pp->set,
                "'(%s)': stands for its addresses at the start; restart divert-run when "
                "they change",
                pp->p.word.s);
    if (!l.found && (dynamic || is_interface))
        pf_warn(pp->set, "'%s': has no such address now, and matches nothing", pp->p.word.s);
    else if (!l.found)
        return parser_fail(&pp->p,
                           "'%s': expected an address, a network, any, self, a table, or the name "
                           "of an interface or host that can be looked up now",
                           pp->p.word.s);
    pf_plain_item(pp->pf); /* an empty list matches nothing */
    return pf_lex_next(pp);
}

/*
 * Is the interface in brackets the one after "on"? Then its address can be asked for when a packet
 * passes.
 */
static bool is_own_interface(const struct pf_parser *pp)
{
    const struct pf_clause *on = pf_find_clause(pp->pf, CLAUSE_VIA);

    return on && on->count == 1 && on->items[0].count == 1 && !on->items[0].negated &&
           !strcmp(on->items[0].atoms[0].ifname, parser_interface_name(pp->p.word.s));
}

/* "on egress to (egress)", with one interface in the group. */
static bool is_own_group(const struct pf_parser *pp)
{
    const struct pf_clause *on = pf_find_clause(pp->pf, CLAUSE_VIA);

    return pf_lex_at(pp, "egress") && pp->on_egress && on->count == 1 && on->items[0].count == 1 &&
           !on->items[0].negated;
}

/* "(em0)" are the addresses that em0 has when the packet passes. The packet filters can match only
 * those of the interface that the packet itself passes. */
static bool parse_bracketed_interface(struct pf_parser *pp, bool negated)
{
    enum addr_kind kind = ADDR_IFACE;

    if (!pf_lex_next(pp))
        return false;
    if (parser_at_end(&pp->p) || pf_lex_is_mark(pp))
        return parser_fail(&pp->p, "expected an interface in the brackets");
    if (pf_lex_at(pp, "self"))
        kind = ADDR_ME;
    if (kind == ADDR_IFACE && !is_own_interface(pp) && !is_own_group(pp))
        return parse_host_name(pp, negated, true) && pf_lex_expect(pp, ")");
    pf_item_atom(negated ? pf_add_item(pp->pf, host_clause(pp), true) : pf_plain_item(pp->pf))
        ->addr.kind = kind;
    return pf_lex_next(pp) && pf_lex_expect(pp, ")");
}

/* After '<'. */
static bool parse_host_table(struct pf_parser *pp, bool negated)
{
    char *name;

    if (!pf_read_table_name(pp, &name))
        return false;
    pf_add_item(pp->pf, host_clause(pp), negated)->table = name;
    return true;
}

/* "no-route" and "urpf-failed": conditions on the route to an address. */
static bool parse_host_route(struct pf_parser *pp, bool negated)
{
    bool from = host_clause(pp) == CLAUSE_SRC;

    if (pf_lex_at(pp, "route"))
        return parser_fail(&pp->p, "'route': there are no route labels; give the routes a "
                                   "realm (ip route ... realm N) and match it with nft");
    if (pf_lex_at(pp, "urpf-failed") && !from)
        return parser_fail(&pp->p, "'urpf-failed': is about the source; expected after 'from'");
    if (negated)
        return parser_fail(&pp->p, "'!': cannot negate '%s'", pp->p.word.s);
    if (from)
        pf_add_item(pp->pf, pf_lex_at(pp, "urpf-failed") ? CLAUSE_REVPATH : CLAUSE_ROUTED, true);
    else
        pf_note(pp->set,
                "'to no-route': matches nothing; the kernel drops what it has no route to");
    pf_plain_item(pp->pf);
    return pf_lex_next(pp);
}

static bool parse_any_host(struct pf_parser *pp, bool negated)
{
    enum addr_kind kind = pf_lex_at(pp, "any") ? ADDR_ANY : ADDR_ME;
    struct pf_item *item;

    if (negated && kind == ADDR_ANY)
        return parser_fail(&pp->p, "'any': '! any' matches nothing");
    item = negated ? pf_add_item(pp->pf, host_clause(pp), true) : pf_plain_item(pp->pf);
    pf_item_atom(item)->addr.kind = kind;
    return pf_lex_next(pp);
}

/* Is the current word the first of "a - b"? */
static bool at_range(const struct pf_parser *pp)
{
    const char *behind = pp->p.text + pp->p.word.offset + pp->p.word.length;

    behind += strspn(behind, " \t");
    return behind[0] == '-' && (behind[1] == ' ' || behind[1] == '\t');
}

static bool parse_host(struct pf_parser *pp, bool negated)
{
    static const char *const routes[] = {"no-route", "urpf-failed", "route", NULL};
    bool is_network;

    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected an address at the end of the rule");
    if (pf_lex_at(pp, "<"))
        return parse_host_table(pp, negated);
    if (pf_lex_at(pp, "("))
        return parse_bracketed_interface(pp, negated);
    if (pf_lex_is_mark(pp))
        return parser_fail(&pp->p, "'%s': expected an address", pp->p.word.s);
    if (pf_lex_in(pp, routes))
        return parse_host_route(pp, negated);
    if (pf_lex_at(pp, "any") || pf_lex_at(pp, "self"))
        return parse_any_host(pp, negated);
    if (at_range(pp))
        return parse_host_range(pp, negated);
    if (!parse_host_network(pp, negated, &is_network))
        return false;
    return is_network ? pf_lex_next(pp) : parse_host_name(pp, negated, false);
}

static bool parse_host_item(struct pf_parser *pp)
{
    bool negated;

    pp->first_item = pp->pf->clauses[pp->pf->clause_count - 1].count;
    return pf_lex_skip(pp, "!", &negated) && parse_host(pp, negated);
}

bool pf_parse_hosts(struct pf_parser *pp, enum clause_kind kind)
{
    pf_add_clause(pp->pf, kind);
    return pf_lex_list(pp, parse_host_item);
}

static unsigned families_of_item(const struct pf_item *item)
{
    const unsigned both = 1u << 4 | 1u << 6;
    unsigned families = 0;

    if (item->family)
        return 1u << item->family;
    if (item->negated || item->table || item->kind == CLAUSE_REVPATH || item->kind == CLAUSE_ROUTED)
        return both;
    for (size_t i = 0; i < item->count; i++) {
        int family = pf_address_family(&item->atoms[i].addr);

        families |= family ? 1u << family : both;
    }
    return families;
}

/* The families that the hosts can have, as bits 4 and 6. */
static unsigned families_of_hosts(const struct pf_rule *pf, enum clause_kind kind)
{
    const struct pf_clause *hosts = pf_find_clause(pf, kind);
    unsigned families = 0;

    for (size_t i = 0; hosts && i < hosts->count; i++)
        families |= families_of_item(&hosts->items[i]);
    return families;
}

bool pf_check_hosts(struct pf_parser *pp)
{
    unsigned src = families_of_hosts(pp->pf, CLAUSE_SRC);
    unsigned dst = families_of_hosts(pp->pf, CLAUSE_DST);

    if (!src || !dst || src & dst)
        return true;
    return parser_fail(&pp->p, "the rule is from one family of addresses to the other");
}
