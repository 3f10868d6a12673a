/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the ports of a pf rule, and its users and groups, which are numbers as well. */
#include "pf/private.h"

#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

enum comparison { EQUAL, UNEQUAL, BELOW, AT_MOST, ABOVE, AT_LEAST };

static bool rule_has_ports(const struct pf_rule *pf)
{
    const struct pf_clause *protos = pf_find_clause(pf, CLAUSE_PROTO);

    for (size_t i = 0; protos && i < protos->count; i++) {
        for (size_t j = 0; j < protos->items[i].count; j++) {
            uint32_t proto = protos->items[i].atoms[j].range.lo;

            if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
                return false;
        }
    }
    return protos;
}

static bool lists_ports(const struct pf_parser *pp)
{
    enum clause_kind kind = pp->pf->clauses[pp->pf->clause_count - 1].kind;

    return kind == CLAUSE_SPORT || kind == CLAUSE_DPORT;
}

static long long highest(const struct pf_parser *pp)
{
    return lists_ports(pp) ? 65535 : UINT32_MAX - 1;
}

/* Adds nothing if the range is empty. */
static bool add_range(struct pf_parser *pp, long long lo, long long hi)
{
    struct pf_item *item = pf_plain_item(pp->pf);
    struct rule_atom *atom;

    if (lo > hi)
        return true;
    atom = pf_item_atom(item);
    atom->range.lo = (uint32_t)lo;
    atom->range.hi = (uint32_t)hi;
    return true;
}

static long long port_by_name(const struct pf_parser *pp, const char *name)
{
    int port = name_to_port(name, pf_rule_proto(pp->pf) == IPPROTO_UDP ? "udp" : "tcp");

    return port < 0 ? name_to_port(name, NULL) : port; /* a service of another protocol */
}

/* No packet is of a user who is unknown. */
static long long user_by_name(const struct pf_parser *pp, const char *name)
{
    bool group = pp->pf->clauses[pp->pf->clause_count - 1].kind == CLAUSE_GID;
    char *end;
    unsigned long long number = strtoull(name, &end, 10);
    const struct passwd *user;
    const struct group *entry;

    if (*name >= '0' && *name <= '9')
        return !*end && number < UINT32_MAX ? (long long)number : -1;
    if (group) {
        entry = getgrnam(name);
        return entry ? (long long)entry->gr_gid : -1;
    }
    user = getpwnam(name);
    return user ? (long long)user->pw_uid : -1;
}

static long long number_by_name(const struct pf_parser *pp, const char *name)
{
    return lists_ports(pp) ? port_by_name(pp, name) : user_by_name(pp, name);
}

/* Reads the current word; the caller skips it. */
static bool read_pf_number(struct pf_parser *pp, long long *number)
{
    struct parser *p = &pp->p;

    *number = pf_lex_is_mark(pp) ? -1 : number_by_name(pp, p->word.s);
    if (*number >= 0)
        return true;
    if (parser_at_end(p))
        return parser_fail(p, "expected a %s at the end of the rule",
                           lists_ports(pp) ? "port" : "name or number");
    if (lists_ports(pp))
        return parser_fail(
            p, "'%s': expected a port: 0 to 65535, a range 1000:2000 or a name of /etc/services",
            p->word.s);
    if (pf_lex_at(pp, "unknown"))
        return parser_fail(p, "'unknown': packets without a socket cannot be told from others");
    if (pf_lex_is_mark(pp))
        return parser_fail(p, "'%s': expected a user or group", p->word.s);
    pf_warn(pp->set, "'%s': is not known on this host; matches nothing", p->word.s);
    return true;
}

static bool parse_comparison(struct pf_parser *pp, enum comparison comparison)
{
    long long number, lo = 0, hi = highest(pp);

    if (!pf_lex_next(pp) || !read_pf_number(pp, &number))
        return false;
    if (comparison == UNEQUAL)
        return add_range(pp, 0, number - 1) && add_range(pp, number + 1, hi) && pf_lex_next(pp);
    if (comparison == EQUAL || comparison == AT_LEAST)
        lo = number;
    if (comparison == EQUAL || comparison == AT_MOST)
        hi = number;
    if (comparison == ABOVE)
        lo = number + 1;
    if (comparison == BELOW)
        hi = number - 1;
    if (lo > hi)
        return parser_fail(&pp->p, "'%s': no %s is %s that", pp->p.word.s,
                           lists_ports(pp) ? "port" : "number",
                           comparison == BELOW ? "below" : "above");
    return add_range(pp, number < 0 ? 1 : lo, number < 0 ? 0 : hi) && pf_lex_next(pp);
}

/* Reads a:b, both included. False, without an error: the word is no such range. */
static bool read_port_range(struct pf_parser *pp, long long *lo, long long *hi)
{
    struct word copy = pp->p.word;
    char *colon = strchr(copy.s, ':');

    if (!colon || !lists_ports(pp))
        return false;
    *colon = '\0';
    *lo = port_by_name(pp, copy.s);
    *hi = port_by_name(pp, colon + 1);
    return *lo >= 0 && *hi >= 0;
}

/* "a <> b": below a or above b. "a >< b": between a and b. Both exclude a and b. */
static bool parse_pair(struct pf_parser *pp, long long lo)
{
    bool outside = pf_lex_at(pp, "<>");
    long long hi;

    if (!pf_lex_next(pp) || !read_pf_number(pp, &hi))
        return false;
    if (lo > hi)
        return parser_fail(&pp->p, "'%s': the range ends before it begins", pp->p.word.s);
    if (outside)
        return add_range(pp, 0, lo - 1) && add_range(pp, hi + 1, highest(pp)) && pf_lex_next(pp);
    if (lo + 1 > hi - 1)
        return parser_fail(&pp->p, "'%s': no port lies between the two", pp->p.word.s);
    return add_range(pp, lo + 1, hi - 1) && pf_lex_next(pp);
}

static bool parse_number_item(struct pf_parser *pp)
{
    static const char *const comparisons[] = {
        [EQUAL] = "=",    [UNEQUAL] = "!=", [BELOW] = "<",
        [AT_MOST] = "<=", [ABOVE] = ">",    [AT_LEAST] = ">=",
    };
    long long lo, hi;

    for (int i = EQUAL; i <= AT_LEAST; i++) {
        if (pf_lex_at(pp, comparisons[i]))
            return parse_comparison(pp, (enum comparison)i);
    }
    if (read_port_range(pp, &lo, &hi)) {
        if (lo > hi)
            return parser_fail(&pp->p, "'%s': the range ends before it begins", pp->p.word.s);
        return add_range(pp, lo, hi) && pf_lex_next(pp);
    }
    if (!read_pf_number(pp, &lo) || !pf_lex_next(pp))
        return false;
    if (pf_lex_at(pp, "<>") || pf_lex_at(pp, "><"))
        return parse_pair(pp, lo);
    return add_range(pp, lo < 0 ? 1 : lo, lo);
}

bool pf_parse_ports(struct pf_parser *pp, enum clause_kind kind)
{
    if (!rule_has_ports(pp->pf))
        return parser_fail(&pp->p, "'port': only tcp and udp have ports; expected 'proto tcp', "
                                   "'proto udp' or 'proto { tcp, udp }' before it");
    pf_add_clause(pp->pf, kind);
    return pf_lex_next(pp) && pf_lex_list(pp, parse_number_item);
}

bool pf_parse_users(struct pf_parser *pp, enum clause_kind kind)
{
    if (pf_find_clause(pp->pf, kind))
        return parser_fail(&pp->p, "'%s': given twice", pp->p.word.s);
    if (pf_find_clause(pp->pf, CLAUSE_IN))
        return parser_fail(&pp->p,
                           "'%s': for incoming packets the socket is not known yet; match the "
                           "port that its program has",
                           pp->p.word.s);
    pf_add_clause(pp->pf, kind);
    return pf_lex_next(pp) && pf_lex_list(pp, parse_number_item);
}
