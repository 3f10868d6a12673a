/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses a pf rule. */
#include "pf/private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

/* Atoms that the translation may add. */
#define ATOMS_SPARE 8

static const char *const other_statements[] = {
    "anchor", "antispoof", "include", "load",  "match", "nat",  "no", "queue",
    "rdr",    "scrub",     "set",     "table", "binat", "altq", NULL,
};

static bool parse_pf_action(struct pf_parser *pp)
{
    static const char *const returns[] = {"return", "return-rst", "return-icmp", "return-icmp6",
                                          NULL};
    struct parser *p = &pp->p;
    bool drop;

    pp->pf->block = pf_lex_at(pp, "block");
    if (pf_lex_at(pp, "match"))
        return parser_fail(p, "'match': only pass rules divert; expected 'pass' or 'block'");
    if (pf_lex_in(pp, other_statements))
        return parser_fail(
            p, "'%s': of pf.conf, only rules are supported; expected 'pass' or 'block'", p->word.s);
    if (!pp->pf->block && !pf_lex_at(pp, "pass"))
        return parser_fail(p, "'%s': expected 'pass' or 'block'", p->word.s);
    if (!pf_lex_next(pp))
        return false;
    if (pf_lex_at(pp, "="))
        return parser_fail(p, "'=': macros are not supported; write what they stand for");
    if (!pp->pf->block)
        return true;
    if (pf_lex_in(pp, returns))
        return parser_fail(
            p, "'%s': blocked packets are dropped without an answer; expected 'drop'", p->word.s);
    return pf_lex_skip(pp, "drop", &drop);
}

static bool parse_pf_direction(struct pf_parser *pp)
{
    bool in = pf_lex_at(pp, "in");

    if (!in && !pf_lex_at(pp, "out"))
        return true;
    return parser_add_clause(&pp->p, in ? CLAUSE_IN : CLAUSE_OUT, false) && pf_lex_next(pp);
}

static bool parse_pf_log(struct pf_parser *pp)
{
    if (!pf_lex_skip(pp, "log", &pp->pf->log))
        return false;
    if (pp->pf->log && pf_lex_at(pp, "("))
        return parser_fail(&pp->p, "'(': options of log are not supported");
    return true;
}

static bool pf_interface_name_ok(const struct word *word)
{
    for (const char *s = word->s; *s; s++) {
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr("/\"'\\+*:;!{}", *s))
            return false;
    }
    return word->length > 0 && word->length < IFNAMSIZ;
}

static bool parse_interface_item(struct pf_parser *pp, enum clause_kind kind)
{
    struct parser *p = &pp->p;
    struct rule_atom *atom;
    bool negated;

    (void)kind;
    if (!pf_lex_skip(pp, "!", &negated))
        return false;
    if (parser_at_end(p))
        return parser_fail(p, "expected an interface at the end of the rule");
    if (pf_lex_is_mark(pp) || !pf_interface_name_ok(&p->word))
        return parser_fail(p, "'%s': expected the name of an interface, at most %d characters",
                           p->word.s, IFNAMSIZ - 1);
    if (pf_lex_at(pp, "egress"))
        return parser_fail(p,
                           "'egress': groups of interfaces are not supported; name the interface");
    if (negated && pf_lex_at(pp, "any"))
        return parser_fail(p, "'any': '! any' matches nothing");
    atom = parser_add_atom(p, &p->word);
    if (!atom)
        return false;
    strcpy(atom->ifname, parser_interface_name(p->word.s));
    pp->pf->negated[atom - pp->pf->match.atoms] = negated;
    return pf_lex_next(pp);
}

static bool parse_pf_interfaces(struct pf_parser *pp)
{
    bool on;

    if (!pf_lex_skip(pp, "on", &on) || !on)
        return !on;
    if (pf_lex_at(pp, "rdomain"))
        return parser_fail(&pp->p, "'rdomain': this part of pf is not supported");
    return parser_add_clause(&pp->p, CLAUSE_VIA, false) &&
           pf_lex_list(pp, parse_interface_item, CLAUSE_VIA);
}

static bool parse_pf_family(struct pf_parser *pp)
{
    bool six = pf_lex_at(pp, "inet6");
    struct rule_atom *atom;

    if (!six && !pf_lex_at(pp, "inet"))
        return true;
    if (!parser_add_clause(&pp->p, CLAUSE_FAMILY, false))
        return false;
    atom = parser_add_atom(&pp->p, &pp->p.word);
    if (!atom)
        return false;
    atom->range.lo = atom->range.hi = six ? 6 : 4;
    return pf_lex_next(pp);
}

static bool parse_proto_item(struct pf_parser *pp, enum clause_kind kind)
{
    const struct rule_clause *family = rule_clause(&pp->pf->match, CLAUSE_FAMILY);
    int proto = name_to_proto(pp->p.word.s);
    int wrong =
        family && pp->pf->match.atoms[family->first].range.lo == 6 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    struct rule_atom *atom;

    (void)kind;
    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected a protocol at the end of the rule");
    if (proto < 0)
        return parser_fail(&pp->p,
                           "'%s': expected a protocol: tcp, udp, icmp, icmp6, another name of "
                           "/etc/protocols or a number",
                           pp->p.word.s);
    if (family && proto == wrong)
        return parser_fail(&pp->p, "'%s': is not a protocol of %s", pp->p.word.s,
                           wrong == IPPROTO_ICMP ? "inet6" : "inet");
    atom = parser_add_atom(&pp->p, &pp->p.word);
    if (!atom)
        return false;
    atom->range.lo = atom->range.hi = (uint16_t)proto;
    return pf_lex_next(pp);
}

static bool parse_pf_protos(struct pf_parser *pp)
{
    bool proto;

    if (!pf_lex_skip(pp, "proto", &proto) || !proto)
        return !proto;
    return parser_add_clause(&pp->p, CLAUSE_PROTO, false) &&
           pf_lex_list(pp, parse_proto_item, CLAUSE_PROTO);
}

/* Parses "from" or "to", a host, "port" and a port. The host or the port may be missing. */
static bool parse_host_and_port(struct pf_parser *pp, const char *keyword, enum clause_kind host,
                                enum clause_kind port)
{
    bool here;

    if (!pf_lex_skip(pp, keyword, &here) || !here)
        return !here;
    if (!pf_lex_at(pp, "port") && !pf_parse_host(pp, host))
        return false;
    return !pf_lex_at(pp, "port") || pf_parse_port(pp, port);
}

static bool parse_pf_hosts(struct pf_parser *pp)
{
    if (pf_lex_at(pp, "all"))
        return pf_lex_next(pp);
    return parse_host_and_port(pp, "from", CLAUSE_SRC, CLAUSE_SPORT) &&
           parse_host_and_port(pp, "to", CLAUSE_DST, CLAUSE_DPORT) && pf_check_hosts(pp);
}

/* The default of pf for rules that keep state is "flags S/SA". */
static void set_default_flags(struct pf_rule *pf)
{
    static const struct rule_tcpflags begin = {.mask = TH_SYN | TH_ACK, .value = TH_SYN};

    if (!pf->block && !pf->stateless && !pf->has_flags)
        pf->flags = begin;
}

static bool check_atom_count(struct pf_parser *pp)
{
    if (pp->pf->match.atom_count <= RULE_ATOMS_MAX - ATOMS_SPARE)
        return true;
    return parser_fail(&pp->p, "a rule lists at most %d things", RULE_ATOMS_MAX - ATOMS_SPARE);
}

enum rule_result pf_parse(const char *text, struct pf_rule *out, struct rule_error *error)
{
    struct pf_parser pp = {.p = {.rule = &out->match, .error = error}, .pf = out};
    size_t from;

    memset(out, 0, sizeof(*out));
    if (!pf_lex_start(&pp, text))
        return RULE_BAD;
    if (parser_at_end(&pp.p))
        return RULE_EMPTY;
    from = pp.p.word.offset;
    if (!parse_pf_action(&pp) || !parse_pf_direction(&pp) || !parse_pf_log(&pp) ||
        !pf_lex_skip(&pp, "quick", &out->quick) || !parse_pf_interfaces(&pp) ||
        !parse_pf_family(&pp) || !parse_pf_protos(&pp) || !parse_pf_hosts(&pp) ||
        !pf_parse_options(&pp) || !check_atom_count(&pp) || !parser_keep_text(&pp.p, from))
        return RULE_BAD;
    set_default_flags(out);
    return RULE_OK;
}
