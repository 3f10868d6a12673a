/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses ICMP types and codes of a pf rule. */
#include "pf/private.h"

#include <netinet/in.h>
#include <string.h>

struct type_name {
    const char *name;
    int type;
};

static const struct type_name icmp_types[] = {
    {"echorep", 0},  {"unreach", 3},   {"squench", 4},    {"redir", 5},     {"althost", 6},
    {"echoreq", 8},  {"routeradv", 9}, {"routersol", 10}, {"timex", 11},    {"paramprob", 12},
    {"timereq", 13}, {"timerep", 14},  {"inforeq", 15},   {"inforep", 16},  {"maskreq", 17},
    {"maskrep", 18}, {"trace", 30},    {"dataconv", 31},  {"mobredir", 32}, {"photuris", 40},
    {NULL, 0},
};

static const struct type_name icmp6_types[] = {
    {"unreach", 1},     {"toobig", 2},       {"timex", 3},        {"paramprob", 4},
    {"echoreq", 128},   {"echorep", 129},    {"groupqry", 130},   {"listqry", 130},
    {"grouprep", 131},  {"listenrep", 131},  {"groupterm", 132},  {"listendone", 132},
    {"routersol", 133}, {"routeradv", 134},  {"neighbrsol", 135}, {"neighbradv", 136},
    {"redir", 137},     {"routrrenum", 138}, {NULL, 0},
};

struct code_name {
    int type;
    const char *name;
    int code;
};

static const struct code_name icmp_codes[] = {
    {3, "net-unr", 0},       {3, "host-unr", 1},
    {3, "proto-unr", 2},     {3, "port-unr", 3},
    {3, "needfrag", 4},      {3, "srcfail", 5},
    {3, "net-unk", 6},       {3, "host-unk", 7},
    {3, "isolate", 8},       {3, "net-prohib", 9},
    {3, "host-prohib", 10},  {3, "net-tos", 11},
    {3, "host-tos", 12},     {3, "filter-prohib", 13},
    {3, "host-preced", 14},  {3, "cutoff-preced", 15},
    {5, "redir-net", 0},     {5, "redir-host", 1},
    {5, "redir-tos-net", 2}, {5, "redir-tos-host", 3},
    {9, "normal-adv", 0},    {9, "common-adv", 16},
    {11, "transit", 0},      {11, "reassemb", 1},
    {12, "badhead", 0},      {12, "optmiss", 1},
    {12, "badlen", 2},       {40, "unknown-ind", 1},
    {40, "auth-fail", 2},    {40, "decrypt-fail", 3},
    {-1, NULL, 0},
};

static const struct code_name icmp6_codes[] = {
    {1, "noroute-unr", 0}, {1, "admin-unr", 1}, {1, "notnbr-unr", 2},    {1, "beyond-unr", 2},
    {1, "addr-unr", 3},    {1, "port-unr", 4},  {3, "transit", 0},       {3, "reassemb", 1},
    {4, "badhead", 0},     {4, "nxthdr", 1},    {137, "redironlink", 0}, {137, "redirrouter", 1},
    {-1, NULL, 0},
};

static int icmp_type_by_name(const char *name, const struct type_name *names)
{
    for (; names->name; names++) {
        if (strcmp(names->name, name) == 0)
            return names->type;
    }
    return (int)name_to_number(name, 255);
}

static int icmp_code_by_name(int type, const char *name, const struct code_name *names)
{
    for (; names->name; names++) {
        if (names->type == type && strcmp(names->name, name) == 0)
            return names->code;
    }
    return (int)name_to_number(name, 255);
}

int pf_unreachable_code(bool six, const char *name)
{
    return six ? icmp_code_by_name(1, name, icmp6_codes) : icmp_code_by_name(3, name, icmp_codes);
}

/* Behind "code": lo is the type, hi the code. */
static bool parse_icmp_code(struct pf_parser *pp, bool six, int type)
{
    int code = icmp_code_by_name(type, pp->p.word.s, six ? icmp6_codes : icmp_codes);
    struct pf_item *item;
    struct rule_atom *atom;

    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected an ICMP code at the end of the rule");
    if (code < 0)
        return parser_fail(&pp->p,
                           "'%s': expected an ICMP code: a number to 255 or a name of pf's for a "
                           "code of this type",
                           pp->p.word.s);
    item = pf_add_item(pp->pf, six ? CLAUSE_ICMP6CODE : CLAUSE_ICMPCODE, false);
    atom = pf_item_atom(item);
    atom->range.lo = (uint32_t)type;
    atom->range.hi = (uint32_t)code;
    return pf_lex_next(pp);
}

static bool parse_icmptype_item(struct pf_parser *pp)
{
    bool six = pp->pf->clauses[pp->pf->clause_count - 1].kind == CLAUSE_ICMP6TYPES, code;
    int type = icmp_type_by_name(pp->p.word.s, six ? icmp6_types : icmp_types);
    struct rule_atom *atom;

    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected an ICMP type at the end of the rule");
    if (type < 0 || pf_lex_is_mark(pp))
        return parser_fail(&pp->p, "'%s': expected an ICMP type: a number to 255 or a name of pf's",
                           pp->p.word.s);
    if (!pf_lex_next(pp) || !pf_lex_skip(pp, "code", &code))
        return false;
    if (code)
        return parse_icmp_code(pp, six, type);
    atom = pf_item_atom(pf_plain_item(pp->pf));
    atom->range.lo = atom->range.hi = (uint32_t)type;
    return true;
}

bool pf_parse_icmptypes(struct pf_parser *pp, enum clause_kind kind)
{
    bool six = kind == CLAUSE_ICMP6TYPES;

    if (pf_find_clause(pp->pf, kind))
        return parser_fail(&pp->p, "'%s': given twice", pp->p.word.s);
    if (pf_rule_proto(pp->pf) != (six ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
        return parser_fail(&pp->p, "'%s': expected 'proto %s' before it", pp->p.word.s,
                           six ? "icmp6" : "icmp");
    pf_add_clause(pp->pf, kind);
    return pf_lex_next(pp) && pf_lex_list(pp, parse_icmptype_item);
}
