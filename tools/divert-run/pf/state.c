/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses how a pf rule keeps state, and the parts of scrub. */
#include "pf/private.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* Options of states that have no effect here, and the number of words that follow each. */
struct state_option {
    const char *name;
    unsigned words;
    const char *lost; /* NULL: nothing that a user would miss */
};

static const struct state_option state_options[] = {
    {"if-bound", 0, NULL},
    {"group-bound", 0, NULL},
    {"floating", 0, NULL},
    {"sloppy", 0, NULL},
    {"pflow", 0, NULL},
    {"no-sync", 0, NULL},
    {"global", 0, NULL},
    {"flush", 0, NULL},
    {"allow-related", 0, NULL},
    {"max", 1, "states are not counted; limit connections with nft (ct count over N drop)"},
    {"max-src-states", 1,
     "states are not counted; limit connections with nft (ct count over N drop)"},
    {"max-src-nodes", 1, "sources are not counted; limit connections with nft (ct count)"},
    {"max-src-conn", 1, "connections are not counted; limit them with nft (ct count over N drop)"},
    {"max-src-conn-rate", 1,
     "rates are not limited; limit them with nft (add @set { ip saddr limit rate over R } drop)"},
    {NULL, 0, NULL},
};

static const struct state_option *find_state_option(const struct pf_parser *pp)
{
    for (const struct state_option *o = state_options; o->name; o++) {
        if (pf_lex_at(pp, o->name))
            return o;
    }
    return NULL;
}

static bool skip_words(struct pf_parser *pp, unsigned words)
{
    char *word;

    while (words--) {
        if (!pf_lex_word(pp, "a value", &word))
            return false;
        free(word);
    }
    return true;
}

static bool parse_overload(struct pf_parser *pp)
{
    char *name;

    pf_warn(pp->set, "'overload': adds nothing to the table; let nft do it (add @set { ip saddr "
                     "limit rate over R }), or a program that reads logs");
    if (!pf_lex_next(pp) || !pf_read_table_name(pp, &name))
        return false;
    free(name);
    return true;
}

/* Options of a later pf, and timeouts: a word and a number. */
static bool is_timeout_name(const char *s)
{
    static const char *const kinds[] = {"tcp.",     "udp.",      "icmp.",     "other.", "frag",
                                        "interval", "src.track", "adaptive.", "sctp.",  NULL};

    for (int i = 0; kinds[i]; i++) {
        if (strncmp(s, kinds[i], strlen(kinds[i])) == 0)
            return true;
    }
    return false;
}

static bool parse_state_option(struct pf_parser *pp)
{
    const struct state_option *option = find_state_option(pp);
    const char *word = pp->p.word.s;
    bool rule;

    if (option && option->lost)
        pf_warn(pp->set, "'%s': has no effect: %s", option->name, option->lost);
    if (option)
        return pf_lex_next(pp) && skip_words(pp, option->words);
    if (pf_lex_at(pp, "overload"))
        return parse_overload(pp);
    if (pf_lex_at(pp, "source-track"))
        return pf_lex_next(pp) && (pf_lex_skip(pp, "rule", &rule));
    if (is_timeout_name(word)) {
        pf_note(pp->set,
                "'%s': has no effect; connection tracking has its own timeouts "
                "(net.netfilter.nf_conntrack_*)",
                word);
        return pf_lex_next(pp) && skip_words(pp, 1);
    }
    return parser_fail(&pp->p, "'%s': expected an option of states", word);
}

static bool parse_state_options(struct pf_parser *pp)
{
    bool comma;

    if (!pf_lex_next(pp))
        return false;
    while (!pf_lex_at(pp, ")")) {
        if (parser_at_end(&pp->p))
            return parser_fail(&pp->p, "expected ')' at the end of the rule");
        if (!parse_state_option(pp) || !pf_lex_skip(pp, ",", &comma))
            return false;
    }
    return pf_lex_next(pp);
}

bool pf_parse_state(struct pf_parser *pp)
{
    bool no = pf_lex_at(pp, "no");

    if (pp->pf->action == PF_BLOCK && !no)
        return parser_fail(&pp->p, "'%s': blocked packets have no state", pp->p.word.s);
    pp->pf->stateless = no;
    if (pf_lex_at(pp, "synproxy"))
        pf_note(pp->set, "'synproxy': is 'keep state' here; the kernel has SYN cookies "
                         "(net.ipv4.tcp_syncookies), iptables a target SYNPROXY");
    if (!pf_lex_next(pp) || !pf_lex_expect(pp, "state"))
        return false;
    return !pf_lex_at(pp, "(") || parse_state_options(pp);
}

/* ---- scrub ---- */

static const struct state_option scrub_parts[] = {
    {"no-df", 0, "the DF bit stays"},
    {"random-id", 0, "Linux chooses IDs at random itself"},
    {"min-ttl", 1, "set it with nft (ip ttl set N)"},
    {"set-tos", 1, "set it with nft (ip dscp set N)"},
    {NULL, 0, NULL},
};

static const struct state_option *find_scrub_part(const struct pf_parser *pp)
{
    for (const struct state_option *o = scrub_parts; o->name; o++) {
        if (pf_lex_at(pp, o->name))
            return o;
    }
    return NULL;
}

bool pf_at_scrub(const struct pf_parser *pp)
{
    return find_scrub_part(pp) || pf_lex_at(pp, "max-mss") || pf_lex_at(pp, "reassemble") ||
           pf_lex_at(pp, "fragment");
}

static bool parse_max_mss(struct pf_parser *pp)
{
    long size;

    if (!pf_lex_next(pp))
        return false;
    size = name_to_number(pp->p.word.s, 65535);
    if (size < 1)
        return parser_fail(&pp->p, "'%s': expected a segment size, 1 to 65535", pp->p.word.s);
    if (pf_rule_proto(pp->pf) >= 0 && pf_rule_proto(pp->pf) != IPPROTO_TCP)
        return parser_fail(&pp->p, "'max-mss': the rule is about another protocol than tcp");
    pp->pf->max_mss = (unsigned)size;
    return pf_lex_next(pp);
}

bool pf_parse_scrub_part(struct pf_parser *pp)
{
    static const char *const kinds[] = {"tcp", "reassemble", "crop", "drop-ovl", "no", NULL};
    const struct state_option *part = find_scrub_part(pp);

    if (pf_lex_at(pp, "max-mss"))
        return parse_max_mss(pp);
    if (part) {
        pf_warn(pp->set, "'%s': has no effect: %s", part->name, part->lost);
        return pf_lex_next(pp) && skip_words(pp, part->words);
    }
    if (!pf_at_scrub(pp))
        return parser_fail(&pp->p,
                           "'%s': expected no-df, random-id, min-ttl, max-mss or "
                           "reassemble tcp",
                           pp->p.word.s);
    pf_note(pp->set,
            "'%s': has no effect; connection tracking checks TCP, and what is diverted is "
            "reassembled",
            pp->p.word.s);
    if (!pf_lex_next(pp))
        return false;
    if (!pf_lex_in(pp, kinds))
        return parser_fail(&pp->p, "'%s': expected 'tcp', or a way to reassemble", pp->p.word.s);
    return pf_lex_next(pp);
}

bool pf_parse_scrub(struct pf_parser *pp)
{
    bool comma;

    if (!pf_lex_next(pp) || !pf_lex_expect(pp, "("))
        return false;
    while (!pf_lex_at(pp, ")")) {
        if (!pf_parse_scrub_part(pp) || !pf_lex_skip(pp, ",", &comma))
            return false;
    }
    return pf_lex_next(pp);
}
