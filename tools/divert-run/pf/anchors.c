/* SPDX-License-Identifier: BSD-2-Clause */
/* Anchors of pf with their rules in braces, and antispoof, which is expanded to rules. */
#include "pf/private.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define ANCHORS_MAX 16

struct pf_anchor {
    struct pf_rule *filter; /* its conditions */
};

static bool push_anchor(struct pf_parser *pp, struct pf_rule *filter)
{
    struct pf_ruleset *set = pp->set;

    set->anchors = grow_array(set->anchors, set->anchor_count + 1, sizeof(*set->anchors));
    set->anchors[set->anchor_count++].filter = filter;
    if (set->anchor_count > ANCHORS_MAX)
        return parser_fail(&pp->p, "anchors are nested too deeply");
    return true;
}

/* The brace that opens a block is the last word. */
static bool cut_brace(struct text *text)
{
    while (text->len && strchr(" \t\r", text->s[text->len - 1]))
        text->s[--text->len] = '\0';
    if (!text->len || text->s[text->len - 1] != '{')
        return false;
    text->s[--text->len] = '\0';
    return true;
}

static bool parse_anchor_head(struct pf_parser *pp)
{
    static const char *const heads[] = {"in",    "out",   "log",  "quick", "on",  "inet",
                                        "inet6", "proto", "from", "to",    "all", NULL};

    if (!pf_lex_next(pp))
        return false;
    if (!parser_at_end(&pp->p) && !pf_lex_is_mark(pp) && !pf_lex_in(pp, heads) && !pf_lex_next(pp))
        return false;
    return pf_parse_filter(pp) && pf_parse_options(pp);
}

/* Inside a quick anchor another one would have to end the outer one alone. */
static bool number_quick_anchor(struct pf_parser *pp)
{
    struct pf_ruleset *set = pp->set;

    for (size_t i = 0; i < set->anchor_count; i++) {
        if (set->anchors[i].filter->quick_anchor && pp->pf->quick)
            return parser_fail(&pp->p, "'quick': an anchor inside a quick anchor cannot be quick; "
                                       "make its rules quick");
    }
    if (pp->pf->quick)
        pp->pf->quick_anchor = ++set->quick_anchors;
    return true;
}

bool pf_parse_anchor(struct pf_parser *pp)
{
    const char *whole = pp->p.text;
    struct text head = {0};
    bool block, good;

    text_add(&head, "%s", whole);
    block = cut_brace(&head);
    pp->p.text = text_str(&head);
    pp->pf->action = PF_MATCH;
    good = parse_anchor_head(pp) && number_quick_anchor(pp);
    if (good && !block)
        pf_note(pp->set, "'anchor': has no rules in braces and stays empty; nothing can be loaded "
                         "into it");
    if (block) { /* even if it is invalid, so that its closing brace has a partner */
        struct pf_rule *filter = good ? pp->pf : pf_rule_make();

        if (good)
            pp->pf = NULL;
        good = push_anchor(pp, filter) && good;
    }
    pp->p.text = whole;
    text_free(&head);
    return good;
}

bool pf_close_anchor(struct pf_parser *pp)
{
    if (!pp->set->anchor_count)
        return parser_fail(&pp->p, "'}': no anchor is open");
    pf_rule_free(pp->set->anchors[--pp->set->anchor_count].filter);
    return pf_lex_next(pp) &&
           (parser_at_end(&pp->p) ||
            parser_fail(&pp->p, "'%s': expected nothing after '}'", pp->p.word.s));
}

void pf_apply_anchors(const struct pf_ruleset *set, struct pf_rule *pf)
{
    for (size_t i = 0; i < set->anchor_count; i++) {
        const struct pf_rule *filter = set->anchors[i].filter;

        for (size_t j = 0; j < filter->clause_count; j++)
            pf_copy_clause(pf, &filter->clauses[j]);
        if (filter->quick_anchor)
            pf->quick_anchor = filter->quick_anchor;
    }
}

size_t pf_anchor_clauses(const struct pf_ruleset *set)
{
    size_t count = 0;

    for (size_t i = 0; i < set->anchor_count; i++)
        count += set->anchors[i].filter->clause_count;
    return count;
}

void pf_anchors_free(struct pf_ruleset *set)
{
    while (set->anchor_count)
        pf_rule_free(set->anchors[--set->anchor_count].filter);
    free(set->anchors);
}

/* ---- antispoof ---- */

struct antispoof {
    struct pf_rule like; /* log, quick and the text of the rules */
    int family;
    struct pf_item *addresses, *names;
};

static void add_spoofed_address(void *context, const struct rule_addr *addr)
{
    const struct antispoof *a = context;

    if (!pf_is_link_local(addr))
        pf_item_atom(a->addresses)->addr = *addr;
}

static void add_addresses_of(void *context, const char *name)
{
    const struct pf_modifiers none = {0};
    struct antispoof *a = context;

    pf_interface_addresses(name, &none, a->family, add_spoofed_address, a);
}

static void add_networks_of(void *context, const char *name)
{
    const struct pf_modifiers network = {.network = true};
    struct antispoof *a = context;

    memcpy(pf_item_atom(a->names)->ifname, name, strlen(name) + 1);
    pf_interface_addresses(name, &network, a->family, add_spoofed_address, a);
}

static struct pf_rule *make_antispoof_rule(const struct antispoof *a)
{
    struct pf_rule *pf = pf_rule_make();

    pf->action = PF_BLOCK;
    pf->log = a->like.log;
    pf->quick = a->like.quick;
    pf->text = copy_string(a->like.text);
    pf_add_clause(pf, CLAUSE_IN);
    pf_add_item(pf, CLAUSE_IN, false);
    return pf;
}

/* Blocks packets from the networks of an interface that come in by others. */
static struct pf_rule *make_network_rule(struct antispoof *a, const char *name)
{
    struct pf_rule *pf = make_antispoof_rule(a);

    pf_add_clause(pf, CLAUSE_VIA);
    a->names = pf_add_item(pf, CLAUSE_VIA, true);
    pf_add_clause(pf, CLAUSE_SRC);
    a->addresses = pf_plain_item(pf);
    pf_interfaces_of(name, add_networks_of, a);
    return pf;
}

/* Blocks packets from the interface's own addresses. */
static struct pf_rule *make_address_rule(struct antispoof *a, const char *name)
{
    struct pf_rule *pf = make_antispoof_rule(a);

    pf_add_clause(pf, CLAUSE_SRC);
    a->addresses = pf_plain_item(pf);
    pf_interfaces_of(name, add_addresses_of, a);
    return pf;
}

static bool parse_antispoof_item(struct pf_parser *pp)
{
    struct antispoof a = {.like = *pp->pf, .family = pp->family};
    const char *name;
    bool bracket;

    if (!pf_lex_skip(pp, "(", &bracket))
        return false;
    if (parser_at_end(&pp->p) || pf_lex_is_mark(pp) || !pf_interface_name_ok(&pp->p.word))
        return parser_fail(&pp->p, "'%s': expected the name of an interface", pp->p.word.s);
    name = parser_interface_name(pp->p.word.s);
    pf_add_rule(pp->set, make_network_rule(&a, name));
    if (!a.addresses->count)
        pf_warn(pp->set, "'%s': has no address now, so none is protected", pp->p.word.s);
    if (strcmp(name, "lo") != 0)
        pf_add_rule(pp->set, make_address_rule(&a, name));
    return pf_lex_next(pp) && (!bracket || pf_lex_expect(pp, ")"));
}

/* The family is written after the interfaces, but is needed to parse them. */
static int antispoof_family(const char *text)
{
    return strstr(text, " inet6") ? 6 : strstr(text, " inet") ? 4 : 0;
}

bool pf_parse_antispoof(struct pf_parser *pp)
{
    static const char *const vain[] = {"label", "tracker", "ridentifier", NULL};
    bool log, log_behind, family;

    pp->pf->text = copy_string(pp->p.text);
    pp->family = antispoof_family(pp->p.text);
    if (!pf_lex_next(pp) || !pf_lex_skip(pp, "log", &log) ||
        !pf_lex_skip(pp, "quick", &pp->pf->quick) || !pf_lex_skip(pp, "log", &log_behind) ||
        !pf_lex_expect(pp, "for"))
        return false;
    pp->pf->log = log || log_behind;
    if (!pf_lex_list(pp, parse_antispoof_item) || !pf_lex_skip(pp, "inet", &family) ||
        !pf_lex_skip(pp, "inet6", &family))
        return false;
    while (pf_lex_in(pp, vain)) {
        for (int words = 0; words < 2; words++) { /* it and its value */
            if (!pf_lex_next(pp))
                return false;
        }
    }
    return parser_at_end(&pp->p) ||
           parser_fail(&pp->p, "'%s': expected inet, inet6, label or nothing", pp->p.word.s);
}
