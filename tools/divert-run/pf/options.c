/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the options of a pf rule: flags, ICMP types, state and divert port. */
#include "pf/private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
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

static const char *const unsupported[] = {
    "af-to",    "allow-opts",  "binat-to", "divert-reply", "divert-to", "dup-to",    "fragment",
    "group",    "label",       "max-mss",  "max-pkt-rate", "modulate",  "nat-to",    "no-df",
    "once",     "os",          "prio",     "probability",  "queue",     "random-id", "rdomain",
    "rdr-to",   "received-on", "reply-to", "route-to",     "rtable",    "scrub",     "set",
    "synproxy", "tag",         "tagged",   "tos",          "user",      "min-ttl",   NULL,
};

/* Keywords that belong before the options. */
static const char *const early[] = {
    "in", "out", "log", "quick", "on", "inet", "inet6", "proto", "all", "from", "to", "port", NULL,
};

/* Does the rule list PROTO? If it lists no protocols, the result is ANY. */
static bool rule_names_proto(const struct rule *rule, int proto, bool any)
{
    const struct rule_clause *protos = rule_clause(rule, CLAUSE_PROTO);

    for (unsigned i = 0; protos && i < protos->count; i++) {
        if (rule->atoms[protos->first + i].range.lo == (uint32_t)proto)
            return true;
    }
    return !protos && any;
}

static bool read_flag_letters(struct pf_parser *pp, const char *s, size_t length, uint8_t *flags)
{
    static const char letters[] = "FSRPAU";

    for (size_t i = 0; i < length; i++) {
        const char *letter = memchr(letters, s[i], sizeof(letters) - 1);

        if (!letter)
            return parser_fail(&pp->p,
                               "'%s': expected 'any', or TCP flags out of others, of F, S, R, P, A "
                               "and U, such as S/SA",
                               pp->p.word.s);
        *flags |= (uint8_t)(1u << (letter - letters));
    }
    return true;
}

static bool parse_pf_flags(struct pf_parser *pp)
{
    struct rule_tcpflags *flags = &pp->pf->flags;
    const char *s = pp->p.word.s, *slash;

    if (!rule_names_proto(&pp->pf->match, IPPROTO_TCP, true))
        return parser_fail(&pp->p, "'flags': the rule is about another protocol than tcp");
    if (pp->pf->has_flags)
        return parser_fail(&pp->p, "'flags': stands here twice");
    pp->pf->has_flags = true;
    if (!pf_lex_next(pp))
        return false;
    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected TCP flags at the end of the rule");
    if (pf_lex_at(pp, "any"))
        return pf_lex_next(pp);
    slash = strchr(s, '/');
    if (!slash || !slash[1])
        return parser_fail(&pp->p, "'%s': expected 'any', or flags out of others, such as S/SA", s);
    if (!read_flag_letters(pp, s, (size_t)(slash - s), &flags->value) ||
        !read_flag_letters(pp, slash + 1, strlen(slash + 1), &flags->mask))
        return false;
    if (flags->value & ~flags->mask)
        return parser_fail(&pp->p, "'%s': a flag before the '/' is missing behind it", s);
    return pf_lex_next(pp);
}

static int icmp_type_by_name(const char *name, const struct type_name *names)
{
    for (; names->name; names++) {
        if (strcmp(names->name, name) == 0)
            return names->type;
    }
    return (int)name_to_number(name, 255);
}

static bool parse_icmptype_item(struct pf_parser *pp, enum clause_kind kind)
{
    int type = icmp_type_by_name(pp->p.word.s, kind == CLAUSE_ICMPTYPES ? icmp_types : icmp6_types);
    struct rule_atom *atom;

    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected an ICMP type at the end of the rule");
    if (type < 0)
        return parser_fail(&pp->p, "'%s': expected an ICMP type: a number to 255 or a name of pf's",
                           pp->p.word.s);
    atom = parser_add_atom(&pp->p, &pp->p.word);
    if (!atom)
        return false;
    atom->range.lo = atom->range.hi = (uint16_t)type;
    if (!pf_lex_next(pp))
        return false;
    if (pf_lex_at(pp, "code"))
        return parser_fail(&pp->p, "'code': codes of ICMP are not supported");
    return true;
}

static bool parse_pf_icmptypes(struct pf_parser *pp, enum clause_kind kind)
{
    bool six = kind == CLAUSE_ICMP6TYPES;

    if (rule_clause(&pp->pf->match, kind))
        return parser_fail(&pp->p, "'%s': stands here twice", pp->p.word.s);
    if (!rule_names_proto(&pp->pf->match, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP, false) ||
        rule_clause(&pp->pf->match, CLAUSE_PROTO)->count > 1)
        return parser_fail(&pp->p, "'%s': expected 'proto %s' before", pp->p.word.s,
                           six ? "icmp6" : "icmp");
    return pf_lex_next(pp) && parser_add_clause(&pp->p, kind, false) &&
           pf_lex_list(pp, parse_icmptype_item, kind);
}

static bool parse_pf_state(struct pf_parser *pp)
{
    bool no = pf_lex_at(pp, "no");

    if (pp->pf->block)
        return parser_fail(&pp->p, "'%s': what is blocked has no state", pp->p.word.s);
    pp->pf->stateless = no;
    if (!pf_lex_next(pp) || !pf_lex_expect(pp, "state"))
        return false;
    if (pf_lex_at(pp, "("))
        return parser_fail(&pp->p, "'(': options of states are not supported");
    return true;
}

static bool parse_divert_packet(struct pf_parser *pp)
{
    if (pp->pf->block)
        return parser_fail(&pp->p,
                           "'divert-packet': what is blocked is not diverted; expected 'pass'");
    if (pp->pf->divert_port)
        return parser_fail(&pp->p, "'divert-packet': stands here twice");
    if (!pf_lex_next(pp) || !pf_lex_expect(pp, "port") || !parser_read_divert_port(&pp->p))
        return false;
    pp->pf->divert_port = pp->pf->match.argument;
    return pf_lex_next(pp);
}

static bool parse_pf_option(struct pf_parser *pp)
{
    struct parser *p = &pp->p;

    if (pf_lex_at(pp, "flags"))
        return parse_pf_flags(pp);
    if (pf_lex_at(pp, "icmp-type"))
        return parse_pf_icmptypes(pp, CLAUSE_ICMPTYPES);
    if (pf_lex_at(pp, "icmp6-type"))
        return parse_pf_icmptypes(pp, CLAUSE_ICMP6TYPES);
    if (pf_lex_at(pp, "no") || pf_lex_at(pp, "keep"))
        return parse_pf_state(pp);
    if (pf_lex_at(pp, "divert-packet"))
        return parse_divert_packet(pp);
    if (pf_lex_in(pp, unsupported))
        return parser_fail(p, "'%s': this part of pf is not supported", p->word.s);
    if (pf_lex_in(pp, early))
        return parser_fail(
            p,
            "'%s': does not belong here; the order is in or out, log, quick, on, inet "
            "or inet6, proto, from, to, and then the options",
            p->word.s);
    return parser_fail(
        p,
        "'%s': expected an option (divert-packet, flags, icmp-type, icmp6-type, keep "
        "state, no state)",
        p->word.s);
}

bool pf_parse_options(struct pf_parser *pp)
{
    while (!parser_at_end(&pp->p)) {
        if (!parse_pf_option(pp))
            return false;
    }
    return true;
}
