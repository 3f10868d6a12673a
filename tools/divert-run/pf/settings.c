/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses "set" of a pf file. */
#include "pf/private.h"

#include <stdio.h>
#include <string.h>

static bool skip_rest(struct pf_parser *pp)
{
    while (!parser_at_end(&pp->p)) {
        if (!pf_lex_next(pp))
            return false;
    }
    return true;
}

static void add_skipped(void *context, const char *name)
{
    struct pf_ruleset *set = context;

    set->skipped = grow_array(set->skipped, set->skipped_count + 1, sizeof(*set->skipped));
    snprintf(set->skipped[set->skipped_count++], sizeof(*set->skipped), "%s", name);
}

static bool parse_skip_item(struct pf_parser *pp)
{
    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected an interface at the end of 'set skip on'");
    if (pf_lex_at(pp, "!"))
        return parser_fail(&pp->p, "'!': name the interfaces to skip");
    if (pf_lex_is_mark(pp) || !pf_interface_name_ok(&pp->p.word))
        return parser_fail(&pp->p, "'%s': expected the name of an interface", pp->p.word.s);
    if (!pf_interfaces_of(pp->p.word.s, add_skipped, pp->set))
        pf_warn(pp->set, "'%s': no interface has a default route now, so none is skipped",
                pp->p.word.s);
    return pf_lex_next(pp);
}

static bool parse_set_skip(struct pf_parser *pp)
{
    size_t before = pp->set->skipped_count;

    if (pf_lex_expect(pp, "on") && pf_lex_list(pp, parse_skip_item))
        return true;
    pp->set->skipped_count = before;
    return false;
}

static bool parse_block_policy(struct pf_parser *pp)
{
    bool drop = pf_lex_at(pp, "drop");

    if (!drop && !pf_lex_at(pp, "return"))
        return parser_fail(&pp->p, "'%s': expected 'drop' or 'return'", pp->p.word.s);
    pp->set->block_policy = drop ? PF_DROP : PF_RETURN;
    return pf_lex_next(pp);
}

/* Settings that have no effect here, and why. */
static const struct {
    const char *keyword, *why;
} vain_settings[] = {
    {"reassemble", "what is diverted is reassembled, and so is what connection tracking sees"},
    {"state-policy", "a state holds on the interface that its rule names"},
    {"state-defaults", "states are connection tracking's"},
    {"limit", "the limits are connection tracking's (net.netfilter.nf_conntrack_max)"},
    {"timeout", "the timeouts are connection tracking's (net.netfilter.nf_conntrack_*)"},
    {"optimization", "the timeouts are connection tracking's (net.netfilter.nf_conntrack_*)"},
    {"ruleset-optimization", "rules are always found by their addresses and ports"},
    {"loginterface", "interfaces have counters (ip -s link), divert sockets too (--status)"},
    {"syncookies", "the kernel has its own (net.ipv4.tcp_syncookies)"},
    {"hostid", "states are not sent to other hosts"},
    {"fingerprints", "operating systems are not recognised"},
    {"debug", "-v and -vv say more"},
    {"require-order", "the order of statements is free"},
    {"keepcounters", "counters begin at 0"},
    {"fail-policy", "states do not run out of memory"},
};

bool pf_parse_set(struct pf_parser *pp)
{
    bool skip, policy;

    if (!pf_lex_next(pp) || !pf_lex_skip(pp, "skip", &skip))
        return false;
    if (skip)
        return parse_set_skip(pp);
    if (!pf_lex_skip(pp, "block-policy", &policy))
        return false;
    if (policy)
        return parse_block_policy(pp);
    for (size_t i = 0; i < sizeof(vain_settings) / sizeof(*vain_settings); i++) {
        if (!pf_lex_at(pp, vain_settings[i].keyword))
            continue;
        pf_note(pp->set, "'set %s': has no effect: %s", vain_settings[i].keyword,
                vain_settings[i].why);
        return skip_rest(pp);
    }
    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected a setting after 'set'");
    return parser_fail(&pp->p,
                       "'%s': expected a setting of pf, such as 'skip on lo' or "
                       "'block-policy return'",
                       pp->p.word.s);
}
