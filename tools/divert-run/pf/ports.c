/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the ports of a pf rule. */
#include "pf/private.h"

#include <netinet/in.h>
#include <string.h>

enum comparison { EQUAL, UNEQUAL, BELOW, AT_MOST, ABOVE, AT_LEAST };

static bool rule_has_ports(const struct rule *rule)
{
    const struct rule_clause *protos = rule_clause(rule, CLAUSE_PROTO);

    for (unsigned i = 0; protos && i < protos->count; i++) {
        int proto = rule->atoms[protos->first + i].range.lo;

        if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
            return false;
    }
    return protos;
}

/* Adds nothing if the range is empty. */
static bool add_port_range(struct pf_parser *pp, int lo, int hi)
{
    struct rule_atom *atom;

    if (lo > hi)
        return true;
    atom = parser_add_atom(&pp->p, &pp->p.word);
    if (!atom)
        return false;
    atom->range.lo = (uint16_t)lo;
    atom->range.hi = (uint16_t)hi;
    return true;
}

static int port_by_name(const struct pf_parser *pp, const char *name)
{
    int proto = rule_proto(&pp->pf->match);

    return name_to_port(name, proto == IPPROTO_UDP ? "udp" : "tcp");
}

/* Reads the current word; the caller skips it. */
static bool read_pf_port(struct pf_parser *pp, int *port)
{
    struct parser *p = &pp->p;

    *port = port_by_name(pp, p->word.s);
    if (*port >= 0)
        return true;
    if (parser_at_end(p))
        return parser_fail(p, "expected a port at the end of the rule");
    return parser_fail(
        p, "'%s': expected a port: 0 to 65535, a range 1000:2000 or a name of /etc/services",
        p->word.s);
}

static bool parse_port_comparison(struct pf_parser *pp, enum comparison comparison)
{
    int port, lo = 0, hi = 65535;

    if (!pf_lex_next(pp) || !read_pf_port(pp, &port))
        return false;
    if (comparison == UNEQUAL)
        return add_port_range(pp, 0, port - 1) && add_port_range(pp, port + 1, 65535) &&
               pf_lex_next(pp);
    if (comparison == EQUAL || comparison == AT_LEAST)
        lo = port;
    if (comparison == EQUAL || comparison == AT_MOST)
        hi = port;
    if (comparison == ABOVE)
        lo = port + 1;
    if (comparison == BELOW)
        hi = port - 1;
    if (lo > hi)
        return parser_fail(&pp->p, "'%s': no port is %s that", pp->p.word.s,
                           comparison == BELOW ? "below" : "above");
    return add_port_range(pp, lo, hi) && pf_lex_next(pp);
}

/* Reads a:b, both included. False, without an error: the word is no such range. */
static bool read_port_range(struct pf_parser *pp, int *lo, int *hi)
{
    struct word copy = pp->p.word;
    char *colon = strchr(copy.s, ':');

    if (!colon)
        return false;
    *colon = '\0';
    *lo = port_by_name(pp, copy.s);
    *hi = port_by_name(pp, colon + 1);
    return *lo >= 0 && *hi >= 0;
}

/* "a <> b": ports below a or above b. "a >< b": ports between a and b. Both exclude a and b. */
static bool parse_port_pair(struct pf_parser *pp, int lo)
{
    bool outside = pf_lex_at(pp, "<>");
    int hi;

    if (!pf_lex_next(pp) || !read_pf_port(pp, &hi))
        return false;
    if (lo > hi)
        return parser_fail(&pp->p, "'%s': the range ends before it begins", pp->p.word.s);
    if (outside)
        return add_port_range(pp, 0, lo - 1) && add_port_range(pp, hi + 1, 65535) &&
               pf_lex_next(pp);
    if (lo + 1 > hi - 1)
        return parser_fail(&pp->p, "'%s': no port lies between the two", pp->p.word.s);
    return add_port_range(pp, lo + 1, hi - 1) && pf_lex_next(pp);
}

static bool parse_port_item(struct pf_parser *pp, enum clause_kind kind)
{
    static const char *const comparisons[] = {
        [EQUAL] = "=",    [UNEQUAL] = "!=", [BELOW] = "<",
        [AT_MOST] = "<=", [ABOVE] = ">",    [AT_LEAST] = ">=",
    };
    int lo, hi;

    (void)kind;
    for (int i = EQUAL; i <= AT_LEAST; i++) {
        if (pf_lex_at(pp, comparisons[i]))
            return parse_port_comparison(pp, (enum comparison)i);
    }
    if (read_port_range(pp, &lo, &hi)) {
        if (lo > hi)
            return parser_fail(&pp->p, "'%s': the range ends before it begins", pp->p.word.s);
        return add_port_range(pp, lo, hi) && pf_lex_next(pp);
    }
    if (!read_pf_port(pp, &lo) || !pf_lex_next(pp))
        return false;
    if (pf_lex_at(pp, "<>") || pf_lex_at(pp, "><"))
        return parse_port_pair(pp, lo);
    return add_port_range(pp, lo, lo);
}

bool pf_parse_port(struct pf_parser *pp, enum clause_kind kind)
{
    if (!rule_has_ports(&pp->pf->match))
        return parser_fail(&pp->p, "'port': only tcp and udp have ports; expected 'proto tcp', "
                                   "'proto udp' or 'proto { tcp, udp }' before");
    return pf_lex_next(pp) && parser_add_clause(&pp->p, kind, false) &&
           pf_lex_list(pp, parse_port_item, kind);
}
