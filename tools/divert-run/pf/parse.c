/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses a pf rule: pass, block, match, and the old scrub. */
#include "pf/private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#define PORT_UNREACHABLE  3 /* the codes that pf answers with */
#define PORT_UNREACHABLE6 4

/* "(code)", or with "return-icmp" "(code, code of ICMPv6)" */
static bool parse_codes(struct pf_parser *pp, bool six)
{
    if (!pf_lex_next(pp))
        return false;
    for (int i = six; i < 2; i++) {
        int code = pf_unreachable_code(i, pp->p.word.s);
        bool comma;

        if (code < 0 || pf_lex_is_mark(pp))
            return parser_fail(&pp->p, "'%s': expected the code of an ICMP%s unreachable",
                               pp->p.word.s, i ? "v6" : "");
        *(i ? &pp->pf->code6 : &pp->pf->code) = (uint8_t)code;
        if (!pf_lex_next(pp) || !pf_lex_skip(pp, ",", &comma))
            return false;
        if (pf_lex_at(pp, ")"))
            break;
    }
    return pf_lex_expect(pp, ")");
}

static bool parse_answer(struct pf_parser *pp)
{
    static const struct {
        const char *keyword;
        enum pf_answer answer;
    } answers[] = {
        {"drop", PF_DROP},
        {"return", PF_RETURN},
        {"return-rst", PF_RETURN_RST},
        {"return-icmp", PF_RETURN_ICMP},
        {"return-icmp6", PF_RETURN_ICMP},
    };

    pp->pf->answer = pp->set->block_policy;
    pp->pf->code = PORT_UNREACHABLE;
    pp->pf->code6 = PORT_UNREACHABLE6;
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        if (!pf_lex_at(pp, answers[i].keyword))
            continue;
        pp->pf->answer = answers[i].answer;
        if (!pf_lex_next(pp) || !pf_lex_at(pp, "("))
            return !pf_lex_at(pp, "(");
        return answers[i].answer == PF_RETURN_ICMP
                   ? parse_codes(pp, strcmp(answers[i].keyword, "return-icmp6") == 0)
                   : pf_lex_skip_brackets(pp); /* a TTL */
    }
    return true;
}

static bool parse_pf_action(struct pf_parser *pp)
{
    if (pf_lex_at(pp, "block")) {
        pp->pf->action = PF_BLOCK;
        return pf_lex_next(pp) && parse_answer(pp);
    }
    pp->pf->action = pf_lex_at(pp, "pass") ? PF_PASS : PF_MATCH;
    pp->scrub = pf_lex_at(pp, "scrub");
    return pf_lex_next(pp);
}

static bool parse_pf_direction(struct pf_parser *pp)
{
    bool in = pf_lex_at(pp, "in");

    if (!in && !pf_lex_at(pp, "out"))
        return true;
    pf_add_clause(pp->pf, in ? CLAUSE_IN : CLAUSE_OUT);
    pf_add_item(pp->pf, in ? CLAUSE_IN : CLAUSE_OUT, false);
    return pf_lex_next(pp);
}

/* "(all, user, matches, to pflog1)" */
static bool parse_log_options(struct pf_parser *pp)
{
    static const char *const names[] = {"user", "matches", NULL};
    bool comma, to;

    if (!pf_lex_next(pp))
        return false;
    while (!pf_lex_at(pp, ")")) {
        pp->pf->log_all = pp->pf->log_all || pf_lex_at(pp, "all");
        if (!pf_lex_skip(pp, "to", &to))
            return false;
        if (!to && !pf_lex_at(pp, "all") && !pf_lex_in(pp, names))
            return parser_fail(&pp->p, "'%s': expected all, user, matches or 'to pflog0'",
                               pp->p.word.s);
        if (!pf_lex_next(pp) || !pf_lex_skip(pp, ",", &comma))
            return false;
    }
    return pf_lex_next(pp);
}

/* "log" and "quick", in any order */
static bool parse_log_and_quick(struct pf_parser *pp)
{
    while (pf_lex_at(pp, "log") || pf_lex_at(pp, "quick")) {
        bool log = pf_lex_at(pp, "log");

        if (log)
            pp->pf->log = true;
        else
            pp->pf->quick = true;
        if (!pf_lex_next(pp) || (log && pf_lex_at(pp, "(") && !parse_log_options(pp)))
            return false;
    }
    return true;
}

static bool parse_on(struct pf_parser *pp)
{
    bool on;

    if (!pf_lex_skip(pp, "on", &on) || !on)
        return !on;
    pp->on_egress = pf_lex_at(pp, "egress");
    return pf_parse_interfaces(pp, CLAUSE_VIA);
}

static bool parse_pf_family(struct pf_parser *pp)
{
    bool six = pf_lex_at(pp, "inet6");
    struct rule_atom *atom;

    if (!six && !pf_lex_at(pp, "inet"))
        return true;
    pf_add_clause(pp->pf, CLAUSE_FAMILY);
    atom = pf_item_atom(pf_add_item(pp->pf, CLAUSE_FAMILY, false));
    atom->range.lo = atom->range.hi = six ? 6 : 4;
    return pf_lex_next(pp);
}

static bool parse_proto_item(struct pf_parser *pp)
{
    int family = pf_rule_family(pp->pf), proto = name_to_proto(pp->p.word.s);
    int wrong = family == 6 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    struct rule_atom *atom;

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
    atom = pf_item_atom(pf_plain_item(pp->pf));
    atom->range.lo = atom->range.hi = (uint32_t)proto;
    return pf_lex_next(pp);
}

static bool parse_pf_protos(struct pf_parser *pp)
{
    bool proto;

    if (!pf_lex_skip(pp, "proto", &proto) || !proto)
        return !proto;
    pf_add_clause(pp->pf, CLAUSE_PROTO);
    return pf_lex_list(pp, parse_proto_item);
}

/* Parses "from" or "to", a host, "port" and a port. The host or the port may be missing. */
static bool parse_host_and_port(struct pf_parser *pp, const char *keyword, enum clause_kind host,
                                enum clause_kind port)
{
    bool here;

    if (!pf_lex_skip(pp, keyword, &here) || !here)
        return !here;
    if (!pf_lex_at(pp, "port") && !pf_parse_hosts(pp, host))
        return false;
    if (pf_lex_at(pp, "port") && !pf_parse_ports(pp, port))
        return false;
    return !pf_lex_at(pp, "os") || !pf_refuses_option(pp);
}

static bool parse_from_and_to(struct pf_parser *pp)
{
    if (pf_lex_at(pp, "all"))
        return pf_lex_next(pp);
    return parse_host_and_port(pp, "from", CLAUSE_SRC, CLAUSE_SPORT) &&
           parse_host_and_port(pp, "to", CLAUSE_DST, CLAUSE_DPORT) && pf_check_hosts(pp);
}

/* On FreeBSD the routing options come before the family. */
static bool check_early_option(struct pf_parser *pp)
{
    static const char *const routing[] = {"route-to", "reply-to", "dup-to", NULL};

    return !pf_lex_in(pp, routing) || !pf_refuses_option(pp);
}

bool pf_parse_filter(struct pf_parser *pp)
{
    return parse_pf_direction(pp) && parse_log_and_quick(pp) && parse_on(pp) &&
           check_early_option(pp) && parse_pf_family(pp) && parse_pf_protos(pp) &&
           parse_from_and_to(pp);
}

/* The default of pf for rules that keep state is "flags S/SA". */
static void set_default_flags(struct pf_rule *pf)
{
    static const struct rule_tcpflags begin = {.mask = TH_SYN | TH_ACK, .value = TH_SYN};

    if (pf->action == PF_PASS && !pf->stateless && !pf->has_flags)
        pf->flags = begin;
}

/* Old scrub rules end in parts of scrub. */
static bool parse_scrub_rule(struct pf_parser *pp)
{
    bool comma;

    while (!parser_at_end(&pp->p)) {
        if (!pf_parse_scrub_part(pp) || !pf_lex_skip(pp, ",", &comma))
            return false;
    }
    return true;
}

/* Warns that the answers to other connections are diverted as well. */
static void warn_of_answers(struct pf_parser *pp)
{
    static const struct {
        enum clause_kind kind;
        const char *keyword;
    } hidden[] = {
        {CLAUSE_UID, "user"},
        {CLAUSE_GID, "group"},
        {CLAUSE_RECV, "received-on"},
        {CLAUSE_TAGGED, "tagged"},
    };

    for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++) {
        if (pf_find_clause(pp->pf, hidden[i].kind))
            pf_warn(pp->set,
                    "'%s': answers do not show it: those to other connections that match "
                    "the rest of the rule are diverted, too; 'no state' diverts none",
                    hidden[i].keyword);
    }
}

static bool check_combination(struct pf_parser *pp)
{
    const struct pf_rule *pf = pp->pf;

    if (pf->action == PF_PASS && !pf->stateless && pf_find_clause(pf, CLAUSE_PROB))
        return parser_fail(&pp->p, "'probability': is decided for each packet here, so a pass rule "
                                   "also needs 'no state'");
    if (pf->divert_port && !pf->stateless &&
        (pf_find_clause(pf, CLAUSE_IPTOS) || pf_find_clause(pf, CLAUSE_FRAG)))
        return parser_fail(&pp->p,
                           "'%s': differs from packet to packet, so a rule that diverts also "
                           "needs 'no state'",
                           pf_find_clause(pf, CLAUSE_IPTOS) ? "tos" : "fragment");
    if (pf->divert_port && !pf->stateless)
        warn_of_answers(pp);
    return true;
}

static char *text_of_rule(const struct pf_parser *pp, size_t from)
{
    const char *end = pp->p.text + pp->p.word.offset;
    struct text text = {0};
    char *copy;

    for (const char *s = pp->p.text + from; s < end && text.len < RULE_TEXT_MAX / 2; s++) {
        bool blank = (unsigned char)*s <= ' ';

        if (!blank || (text.len && text.s[text.len - 1] != ' '))
            text_add_bytes(&text, blank ? " " : s, 1);
    }
    while (text.len && text.s[text.len - 1] == ' ')
        text.s[--text.len] = '\0';
    if (text.len >= RULE_TEXT_MAX / 2)
        text_add(&text, "...");
    copy = copy_string(text_str(&text));
    text_free(&text);
    return copy;
}

bool pf_parse_rule(struct pf_parser *pp)
{
    size_t from = pp->p.word.offset;

    pp->is_rule = true;
    if (!parse_pf_action(pp) || !pf_parse_filter(pp) ||
        !(pp->scrub ? parse_scrub_rule(pp) : pf_parse_options(pp)) || !check_combination(pp))
        return false;
    pp->pf->text = text_of_rule(pp, from);
    set_default_flags(pp->pf);
    return true;
}
