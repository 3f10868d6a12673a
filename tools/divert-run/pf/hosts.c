/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the hosts of a pf rule. */
#include "pf/private.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* 4, 6, or 0 if it can be either. */
static int address_family(const struct rule_addr *addr)
{
    return addr->kind == ADDR_NET4 ? 4 : addr->kind == ADDR_NET6 ? 6 : 0;
}

static int family_of_rule(const struct rule *rule)
{
    const struct rule_clause *family = rule_clause(rule, CLAUSE_FAMILY);

    return family ? rule->atoms[family->first].range.lo : 0;
}

/* ITEM: the number of the negated item, or 0. */
static struct rule_atom *add_host_atom(struct pf_parser *pp, unsigned char item)
{
    struct rule_atom *atom = parser_add_atom(&pp->p, &pp->p.word);

    if (atom)
        pp->pf->negated[atom - pp->pf->match.atoms] = item;
    return atom;
}

static bool add_host_address(struct pf_parser *pp, const struct rule_addr *addr, unsigned char item)
{
    struct rule_atom *atom = add_host_atom(pp, item);

    if (atom)
        atom->addr = *addr;
    return atom;
}

/* "10/8" is 10.0.0.0/8. */
static void complete_dotted_quad(const char *s, char *out, size_t size)
{
    size_t length = strspn(s, "0123456789.");
    int dots = 0;

    for (size_t i = 0; i < length; i++)
        dots += s[i] == '.';
    if (!length || s[length] != '/' || dots > 3)
        dots = 3;
    snprintf(out, size, "%.*s%s%s", (int)length, s, &".0.0.0"[2 * dots], s + length);
}

static bool parse_host_network(struct pf_parser *pp, unsigned char item, bool *is_one)
{
    int wanted = family_of_rule(&pp->pf->match);
    struct rule_addr addr = {0};
    bool bad_mask = false;
    char s[sizeof(pp->p.word.s) + 8];
    const char *slash = strchr(pp->p.word.s, '/');

    complete_dotted_quad(pp->p.word.s, s, sizeof(s));
    *is_one = parser_read_network(s, &addr, &bad_mask);
    bad_mask = bad_mask || addr.kind == ADDR_MASK4 || addr.kind == ADDR_MASK6;
    if (bad_mask || (*is_one && slash && strpbrk(slash, ".:")))
        return parser_fail(&pp->p, "'%s': expected a prefix length behind the address",
                           pp->p.word.s);
    if (!*is_one)
        return true;
    if (wanted && address_family(&addr) != wanted)
        return parser_fail(&pp->p, "'%s': an address of IPv%d in a rule for %s", pp->p.word.s,
                           address_family(&addr), wanted == 4 ? "inet" : "inet6");
    return add_host_address(pp, &addr, item);
}

static unsigned netmask_length(const struct sockaddr *mask, size_t offset, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)mask + offset;
    unsigned bits = 0;

    for (size_t i = 0; i < size; i++)
        bits += (unsigned)__builtin_popcount(bytes[i]);
    return bits;
}

/* Gives the address of an interface, or if NETWORK, its network. False: it is not an IP address. */
static bool interface_address(const struct ifaddrs *ifa, bool network, struct rule_addr *addr)
{
    int family = ifa->ifa_addr ? ifa->ifa_addr->sa_family : AF_UNSPEC;
    size_t size = family == AF_INET ? 4 : 16;
    size_t offset = family == AF_INET ? offsetof(struct sockaddr_in, sin_addr)
                                      : offsetof(struct sockaddr_in6, sin6_addr);
    unsigned prefix = (unsigned)size * 8;

    if (family != AF_INET && family != AF_INET6)
        return false;
    if (network && ifa->ifa_netmask)
        prefix = netmask_length(ifa->ifa_netmask, offset, size);
    *addr = (struct rule_addr){.kind = family == AF_INET ? ADDR_NET4 : ADDR_NET6,
                               .prefix = (uint8_t)prefix};
    memcpy(addr->bytes, (const char *)ifa->ifa_addr + offset, size);
    for (unsigned bit = prefix; bit < size * 8; bit++)
        addr->bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
    return true;
}

static bool add_interface_addresses(struct pf_parser *pp, const char *name, bool network,
                                    unsigned char item)
{
    int wanted = family_of_rule(&pp->pf->match);
    unsigned before = pp->pf->match.atom_count;
    struct ifaddrs *all = NULL;
    struct rule_addr addr;
    bool fits = true;

    if (getifaddrs(&all) < 0)
        return parser_fail(&pp->p, "'%s': the addresses of interfaces cannot be had", pp->p.word.s);
    for (struct ifaddrs *ifa = all; ifa && fits; ifa = ifa->ifa_next) {
        if (strcmp(ifa->ifa_name, name) == 0 && interface_address(ifa, network, &addr) &&
            (!wanted || wanted == address_family(&addr)))
            fits = add_host_address(pp, &addr, item);
    }
    freeifaddrs(all);
    if (fits && pp->pf->match.atom_count == before)
        return parser_fail(&pp->p, "'%s': this interface has no such address now", pp->p.word.s);
    return fits;
}

/* The name of an interface stands for the addresses that it has now. */
static bool parse_host_interface(struct pf_parser *pp, unsigned char item)
{
    struct word word = pp->p.word;
    char *modifier = strchr(word.s, ':');
    const char *name;

    if (modifier)
        *modifier++ = '\0';
    name = parser_interface_name(word.s);
    if (!if_nametoindex(name))
        return parser_fail(&pp->p,
                           "'%s': expected an address: any, self, a.b.c.d[/len], IPv6[/len] or an "
                           "interface of this host (no host names)",
                           pp->p.word.s);
    if (modifier && strcmp(modifier, "network") != 0)
        return parser_fail(&pp->p, "'%s': behind an interface, only ':network' is supported",
                           pp->p.word.s);
    return add_interface_addresses(pp, name, modifier, item);
}

/* "(em0)" are the addresses that em0 has when the packet passes. The packet filters can match only
 * those of the interface that the packet itself passes. */
static bool parse_bracketed_interface(struct pf_parser *pp, unsigned char item)
{
    const struct rule *rule = &pp->pf->match;
    const struct rule_clause *on = rule_clause(rule, CLAUSE_VIA);
    struct rule_addr addr = {.kind = ADDR_IFACE};

    if (!pf_lex_next(pp))
        return false;
    if (!on || on->count != 1 || pp->pf->negated[on->first] ||
        !pf_lex_at(pp, rule->atoms[on->first].ifname))
        return parser_fail(&pp->p,
                           "'%s': in brackets, only the interface that stands behind 'on' is "
                           "supported; 'self' is any address of this host",
                           pp->p.word.s);
    return pf_lex_next(pp) && add_host_address(pp, &addr, item) && pf_lex_expect(pp, ")");
}

static bool parse_plain_host(struct pf_parser *pp, unsigned char item)
{
    static const char *const unsupported[] = {"no-route", "urpf-failed", "route", NULL};
    struct rule_addr addr = {.kind = pf_lex_at(pp, "any") ? ADDR_ANY : ADDR_ME};
    bool is_network;

    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected an address at the end of the rule");
    if (pf_lex_at(pp, "<") || pf_lex_at(pp, "<>"))
        return parser_fail(&pp->p, "'%s': tables are not supported; write a list in braces",
                           pp->p.word.s);
    if (pf_lex_at(pp, "("))
        return parse_bracketed_interface(pp, item);
    if (pf_lex_is_mark(pp))
        return parser_fail(&pp->p, "'%s': expected an address", pp->p.word.s);
    if (pf_lex_in(pp, unsupported))
        return parser_fail(&pp->p, "'%s': this part of pf is not supported", pp->p.word.s);
    if (item && addr.kind == ADDR_ANY)
        return parser_fail(&pp->p, "'any': '! any' matches nothing");
    if (pf_lex_at(pp, "any") || pf_lex_at(pp, "self"))
        return add_host_address(pp, &addr, item) && pf_lex_next(pp);
    if (!parse_host_network(pp, item, &is_network))
        return false;
    return (is_network || parse_host_interface(pp, item)) && pf_lex_next(pp);
}

static bool parse_host_item(struct pf_parser *pp, enum clause_kind kind)
{
    bool negated;

    (void)kind;
    if (!pf_lex_skip(pp, "!", &negated))
        return false;
    return parse_plain_host(pp, negated ? ++pp->items : 0);
}

bool pf_parse_host(struct pf_parser *pp, enum clause_kind kind)
{
    return parser_add_clause(&pp->p, kind, false) && pf_lex_list(pp, parse_host_item, kind);
}

/* The families that the hosts can have, as bits 4 and 6. */
static unsigned families_of_hosts(const struct rule *rule, enum clause_kind kind)
{
    const struct rule_clause *hosts = rule_clause(rule, kind);
    unsigned families = 0;

    if (!hosts)
        return 1u << 4 | 1u << 6;
    for (unsigned i = 0; i < hosts->count; i++) {
        int family = address_family(&rule->atoms[hosts->first + i].addr);

        families |= family ? 1u << family : 1u << 4 | 1u << 6;
    }
    return families;
}

bool pf_check_hosts(struct pf_parser *pp)
{
    const struct rule *rule = &pp->pf->match;

    if (families_of_hosts(rule, CLAUSE_SRC) & families_of_hosts(rule, CLAUSE_DST))
        return true;
    return parser_fail(&pp->p, "the rule is from one family of addresses to the other");
}
