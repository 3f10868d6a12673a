/* SPDX-License-Identifier: BSD-2-Clause */
/* Clauses about fields of headers in the language of iptables(8): most by its match u32. */
#include "iptables/private.h"

#include <netinet/in.h>

/*
 * Where u32 finds a field of up to 32 bits. In an IPv6 packet the TCP header is found if it comes
 * first. NULL: there is none.
 */
static const struct {
    enum clause_kind kind;
    int proto;
    const char *four, *six;
} places[] = {
    {CLAUSE_IPTTL, -1, "8>>24", NULL},
    {CLAUSE_IPID, -1, "4>>16", NULL},
    {CLAUSE_IPPRECEDENCE, -1, "0>>21&7", NULL},
    {CLAUSE_TCPSEQ, IPPROTO_TCP, "0>>22&0x3c@4", "4>>8&0xff=6&&44"},
    {CLAUSE_TCPACK, IPPROTO_TCP, "0>>22&0x3c@8", "4>>8&0xff=6&&48"},
    {CLAUSE_TCPWIN, IPPROTO_TCP, "0>>22&0x3c@12&0xffff", "4>>8&0xff=6&&52&0xffff"},
};

static void add_field(struct conditions *out, int proto, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void add_field(struct conditions *out, int proto, const char *fmt, ...)
{
    struct text text = {0};
    va_list ap;

    va_start(ap, fmt);
    text_vadd(&text, fmt, ap);
    va_end(ap);
    conditions_add(out, proto, 0, &text);
}

/* Of IPv6 the inverse would take two lines. */
static void by_place(const struct match *match, const struct rule_range *range, bool inverse,
                     struct conditions *out)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const char *place = match->family == 4 ? places[i].four : places[i].six;

        if (places[i].kind == match->kind && (match->family == 4 || !inverse))
            add_field(out, places[i].proto, "-m u32 %s--u32 \"%s=0x%x:0x%x\"", inverse ? "! " : "",
                      place, range->lo, range->hi);
    }
}

void iptables_field(const struct match *match, const struct rule_atom *atom, bool inverse,
                    struct conditions *out)
{
    const struct rule_range *range = &atom->range;
    const char *negation = inverse ? "! " : "";

    switch (match->kind) {
    case CLAUSE_IPTOS:
        add_field(out, -1, "-m u32 %s--u32 \"0>>16&0x%x=0x%x\"", negation, atom->flags.mask,
                  atom->flags.value);
        break;
    case CLAUSE_DSCP:
        add_field(out, -1, "-m dscp %s--dscp %u", negation, range->lo);
        break;
    case CLAUSE_TCPMSS:
        add_field(out, IPPROTO_TCP, "-m tcpmss %s--mss %u:%u", negation, range->lo, range->hi);
        break;
    case CLAUSE_TCPOPTION:
        add_field(out, IPPROTO_TCP, "-m tcp %s--tcp-option %u", negation, range->lo);
        break;
    case CLAUSE_UID:
    case CLAUSE_GID:
        add_field(out, -1, "-m owner %s--%cid-owner %u", negation,
                  match->kind == CLAUSE_UID ? 'u' : 'g', range->lo);
        break;
    case CLAUSE_PROB:
        add_field(out, -1, "-m statistic --mode random --probability %.10f",
                  (double)range->lo / RULE_PROB_ONE);
        break;
    default:
        by_place(match, range, inverse, out);
    }
}
