/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the options after the hosts of a pf rule. */
#include "pf/private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

/* Keywords that belong before the options. */
static const char *const early[] = {
    "in", "out", "log", "quick", "on", "inet", "inet6", "proto", "all", "from", "to", "port", NULL,
};

/* Does the rule list PROTO? If it lists no protocols, the result is ANY. */
static bool rule_names_proto(const struct pf_rule *pf, uint32_t proto, bool any)
{
    const struct pf_clause *protos = pf_find_clause(pf, CLAUSE_PROTO);

    for (size_t i = 0; protos && i < protos->count; i++) {
        for (size_t j = 0; j < protos->items[i].count; j++) {
            if (protos->items[i].atoms[j].range.lo == proto)
                return true;
        }
    }
    return !protos && any;
}

static bool read_flag_letters(struct pf_parser *pp, const char *s, size_t length, uint8_t *flags)
{
    static const char letters[] = "FSRPAUEW";

    for (size_t i = 0; i < length; i++) {
        const char *letter = memchr(letters, s[i], sizeof(letters) - 1);

        if (!letter)
            return parser_fail(&pp->p,
                               "'%s': expected 'any', or TCP flags out of others, of F, S, R, P, "
                               "A, U, E and W, such as S/SA",
                               pp->p.word.s);
        *flags |= (uint8_t)(1u << (letter - letters));
    }
    return true;
}

static bool parse_pf_flags(struct pf_parser *pp)
{
    struct rule_tcpflags *flags = &pp->pf->flags;
    const char *s = pp->p.word.s, *slash;

    if (!rule_names_proto(pp->pf, IPPROTO_TCP, true))
        return parser_fail(&pp->p, "'flags': the rule is about another protocol than tcp");
    if (pp->pf->has_flags)
        return parser_fail(&pp->p, "'flags': given twice");
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
        return parser_fail(&pp->p, "'%s': each flag before '/' must be after it, too", s);
    return pf_lex_next(pp);
}

static bool parse_divert_packet(struct pf_parser *pp)
{
    if (pp->pf->action != PF_PASS)
        return parser_fail(&pp->p, "'divert-packet': only pass rules divert; expected 'pass'");
    if (pp->pf->divert_port)
        return parser_fail(&pp->p, "'divert-packet': given twice");
    return pf_lex_next(pp) && pf_lex_expect(pp, "port") &&
           parser_divert_port(&pp->p, &pp->pf->divert_port) && pf_lex_next(pp);
}

/* FreeBSD's divert-to: its address is required and ignored. */
static bool parse_divert_to(struct pf_parser *pp)
{
    char *address;

    pp->pf->divert_to = true;
    if (pp->pf->action != PF_PASS)
        return parser_fail(&pp->p, "'divert-to': only pass rules divert; expected 'pass'");
    if (pp->pf->divert_port)
        return parser_fail(&pp->p, "'divert-to': given twice");
    if (!pf_lex_next(pp))
        return false;
    if (!pf_lex_at(pp, "port")) {
        if (!pf_lex_word(pp, "an address, and 'port'", &address))
            return false;
        free(address);
    }
    return pf_lex_expect(pp, "port") && parser_divert_port(&pp->p, &pp->pf->divert_port) &&
           pf_lex_next(pp);
}

static const struct {
    const char *name;
    uint8_t tos;
} tos_names[] = {
    {"lowdelay", 0x10},    {"throughput", 0x08}, {"reliability", 0x04}, {"critical", 0xa0},
    {"inetcontrol", 0xc0}, {"netcontrol", 0xe0}, {"ef", 0xb8},          {"va", 0xb0},
};

/* "cs3", "af21" and others. -1: it is no TOS. */
static int read_tos(const char *s)
{
    char *end;
    unsigned long number = strtoul(s, &end, 0);

    for (size_t i = 0; i < sizeof(tos_names) / sizeof(*tos_names); i++) {
        if (strcmp(tos_names[i].name, s) == 0)
            return tos_names[i].tos;
    }
    if (strncmp(s, "cs", 2) == 0 && s[2] >= '0' && s[2] <= '7' && !s[3])
        return (s[2] - '0') << 5;
    if (strncmp(s, "af", 2) == 0 && s[2] >= '1' && s[2] <= '4' && s[3] >= '1' && s[3] <= '3' &&
        !s[4])
        return (s[2] - '0') << 5 | (s[3] - '0') << 3;
    return *s >= '0' && *s <= '9' && !*end && number <= 255 ? (int)number : -1;
}

static bool parse_tos(struct pf_parser *pp)
{
    struct rule_atom *atom;
    int tos;

    if (!pf_lex_next(pp))
        return false;
    tos = read_tos(pp->p.word.s);
    if (tos < 0)
        return parser_fail(&pp->p, "'%s': expected a type of service: 0 to 255, or a name of pf's",
                           pp->p.word.s);
    pf_add_clause(pp->pf, CLAUSE_IPTOS);
    atom = pf_item_atom(pf_add_item(pp->pf, CLAUSE_IPTOS, false));
    atom->flags = (struct rule_tcpflags){.mask = 0xff, .value = (uint8_t)tos};
    return pf_lex_next(pp);
}

/* "20%" or "20 %", also a part of it */
static bool parse_probability(struct pf_parser *pp)
{
    char *end;
    double percent;

    if (!pf_lex_next(pp))
        return false;
    percent = strtod(pp->p.word.s, &end);
    if (end == pp->p.word.s || !(percent >= 0 && percent <= 100) || (*end && strcmp(end, "%") != 0))
        return parser_fail(&pp->p, "'%s': expected 0 to 100, and '%%'", pp->p.word.s);
    pf_add_clause(pp->pf, CLAUSE_PROB);
    pf_item_atom(pf_add_item(pp->pf, CLAUSE_PROB, false))->range.lo =
        (uint32_t)(percent / 100 * RULE_PROB_ONE);
    if (!pf_lex_next(pp))
        return false;
    return *end || !pf_lex_at(pp, "%") || pf_lex_next(pp);
}

/* A keyword and a value, in brackets or not, that have no effect here. */
static bool parse_vain_option(struct pf_parser *pp, const char *why, bool warn)
{
    char *value;

    if (warn)
        pf_warn(pp->set, "'%s': has no effect: %s", pp->p.word.s, why);
    if (!pf_lex_next(pp))
        return false;
    if (pf_lex_at(pp, "("))
        return pf_lex_skip_brackets(pp);
    if (!pf_lex_word(pp, "a value", &value))
        return false;
    free(value);
    return true;
}

static bool parse_set_option(struct pf_parser *pp)
{
    static const char *const fields[] = {"prio", "queue", "tos", "delay", NULL};

    pf_warn(pp->set, "'set': has no effect: priorities, queues and TOS are set by nft (meta "
                     "priority set, ip dscp set) and tc");
    if (!pf_lex_next(pp))
        return false;
    if (pf_lex_at(pp, "("))
        return pf_lex_skip_brackets(pp);
    if (!pf_lex_in(pp, fields))
        return parser_fail(&pp->p, "'%s': expected prio, queue, tos or delay", pp->p.word.s);
    return parse_vain_option(pp, "", false);
}

/* The number of a tag, from 1. */
static unsigned tag_number(struct pf_ruleset *set, const char *name)
{
    for (size_t i = 0; i < set->tag_count; i++) {
        if (strcmp(set->tags[i], name) == 0)
            return (unsigned)i + 1;
    }
    set->tags = grow_array(set->tags, set->tag_count + 1, sizeof(*set->tags));
    set->tags[set->tag_count++] = copy_string(name);
    return (unsigned)set->tag_count;
}

static bool parse_tag_name(struct pf_parser *pp, unsigned *number)
{
    char *name;

    if (!pf_lex_next(pp) || !pf_lex_word(pp, "the name of a tag", &name))
        return false;
    *number = tag_number(pp->set, name);
    free(name);
    return true;
}

static bool parse_tag(struct pf_parser *pp)
{
    if (pp->pf->tag)
        return parser_fail(&pp->p, "'tag': given twice");
    return parse_tag_name(pp, &pp->pf->tag);
}

/* The first atom of the clause has room for the bits of the mark. */
static bool add_tagged(struct pf_parser *pp, bool negated)
{
    struct pf_item *item;
    struct rule_atom *atom;
    unsigned number;

    if (!parse_tag_name(pp, &number))
        return false;
    pf_add_clause(pp->pf, CLAUSE_TAGGED);
    item = pf_add_item(pp->pf, CLAUSE_TAGGED, negated);
    pf_item_atom(item);
    atom = pf_item_atom(item);
    atom->range.lo = atom->range.hi = number;
    return true;
}

static bool parse_tagged(struct pf_parser *pp)
{
    return add_tagged(pp, false);
}

static bool parse_negated_option(struct pf_parser *pp)
{
    if (!pf_lex_next(pp))
        return false;
    if (pf_lex_at(pp, "tagged"))
        return add_tagged(pp, true);
    if (!pf_lex_at(pp, "received-on"))
        return parser_fail(&pp->p, "'%s': expected 'received-on' or 'tagged' after '!'",
                           pp->p.word.s);
    if (!pf_lex_next(pp) || !pf_parse_interfaces(pp, CLAUSE_RECV))
        return false;
    for (size_t i = 0; i < pp->pf->clauses[pp->pf->clause_count - 1].count; i++)
        pp->pf->clauses[pp->pf->clause_count - 1].items[i].negated = true;
    return true;
}

static bool parse_fragment(struct pf_parser *pp)
{
    pf_add_clause(pp->pf, CLAUSE_FRAG);
    pf_add_item(pp->pf, CLAUSE_FRAG, false);
    return pf_lex_next(pp);
}

/* Options that are parsed elsewhere, or have no effect. */
static bool parse_other_option(struct pf_parser *pp, bool *is_one)
{
    static const char *const silent[] = {"label", "tracker", "ridentifier", NULL};
    static const char *const states[] = {"no", "keep", "modulate", "synproxy", NULL};

    *is_one = true;
    if (pf_lex_in(pp, states))
        return pf_parse_state(pp);
    if (pf_lex_in(pp, silent))
        return parse_vain_option(pp, "", false);
    if (pf_lex_at(pp, "queue") || pf_lex_at(pp, "prio"))
        return parse_vain_option(pp, "bandwidth is shared by tc (tc qdisc)", true);
    if (pf_lex_at(pp, "scrub"))
        return pf_parse_scrub(pp);
    if (pf_lex_at(pp, "allow-opts"))
        return pf_lex_next(pp);
    if (pf_lex_at(pp, "max-mss"))
        return pf_parse_scrub_part(pp);
    *is_one = false;
    return true;
}

static bool report_unknown_pf_option(struct pf_parser *pp)
{
    struct parser *p = &pp->p;

    if (pf_refuses_option(pp))
        return false;
    if (pf_lex_in(pp, early))
        return parser_fail(p,
                           "'%s': does not belong here; the order is in or out, log, quick, on, "
                           "inet or inet6, proto, from, to, and then the options",
                           p->word.s);
    return parser_fail(p,
                       "'%s': expected an option (divert-packet, flags, icmp-type, icmp6-type, "
                       "keep state, no state, ...)",
                       p->word.s);
}

static bool parse_pf_option(struct pf_parser *pp)
{
    static const struct {
        const char *keyword;
        bool (*parse)(struct pf_parser *pp);
    } parsers[] = {
        {"flags", parse_pf_flags},
        {"divert-packet", parse_divert_packet},
        {"divert-to", parse_divert_to},
        {"tos", parse_tos},
        {"tag", parse_tag},
        {"tagged", parse_tagged},
        {"probability", parse_probability},
        {"set", parse_set_option},
        {"!", parse_negated_option},
        {"fragment", parse_fragment},
    };
    bool is_one, good;

    for (size_t i = 0; i < sizeof(parsers) / sizeof(*parsers); i++) {
        if (pf_lex_at(pp, parsers[i].keyword))
            return parsers[i].parse(pp);
    }
    if (pf_lex_at(pp, "icmp-type"))
        return pf_parse_icmptypes(pp, CLAUSE_ICMPTYPES);
    if (pf_lex_at(pp, "icmp6-type"))
        return pf_parse_icmptypes(pp, CLAUSE_ICMP6TYPES);
    if (pf_lex_at(pp, "user") || pf_lex_at(pp, "group"))
        return pf_parse_users(pp, pf_lex_at(pp, "user") ? CLAUSE_UID : CLAUSE_GID);
    if (pf_lex_at(pp, "received-on"))
        return pf_lex_next(pp) && pf_parse_interfaces(pp, CLAUSE_RECV);
    good = parse_other_option(pp, &is_one);
    return is_one ? good : report_unknown_pf_option(pp);
}

bool pf_parse_options(struct pf_parser *pp)
{
    bool comma;

    while (!parser_at_end(&pp->p)) {
        if (!parse_pf_option(pp) || !pf_lex_skip(pp, ",", &comma))
            return false;
    }
    return true;
}
