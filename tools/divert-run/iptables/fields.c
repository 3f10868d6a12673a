/* SPDX-License-Identifier: BSD-2-Clause */
/* Clauses about header fields in the language of iptables(8), most of them by the match u32. */
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
    {CLAUSE_FLOWID, -1, NULL, "0&0xfffff"},
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

/* Bits that the match tcp does not know: ECE and CWR. For IPv6 the inverse would take two lines. */
void iptables_high_tcpflags(const struct match *match, struct rule_tcpflags flags, bool inverse,
                            struct conditions *out)
{
    if (match->family == 4)
        add_field(out, IPPROTO_TCP, "-m u32 %s--u32 \"0>>22&0x3c@12>>16&0x%x=0x%x\"",
                  inverse ? "! " : "", flags.mask, flags.value);
    else if (!inverse)
        add_field(out, IPPROTO_TCP, "-m u32 --u32 \"4>>8&0xff=6&&52>>16&0x%x=0x%x\"", flags.mask,
                  flags.value);
}

/* For IPv6 the inverse would take two lines. */
static void by_place(const struct match *match, const struct rule_range *range, bool inverse,
                     struct conditions *out)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const char *place = match->family == 4 ? places[i].four : places[i].six;

        if (place && places[i].kind == match->kind && (match->family == 4 || !inverse))
            add_field(out, places[i].proto, "-m u32 %s--u32 \"%s=0x%x:0x%x\"", inverse ? "! " : "",
                      place, range->lo, range->hi);
    }
}

/* Classic BPF: computes the length behind the TCP header; returns non-zero if it is in the range.
 * In an IPv6 packet the TCP header must come first. */
static void by_data_length(const struct match *match, const struct rule_range *range, bool inverse,
                           struct conditions *out)
{
    unsigned yes = inverse ? 0 : 65535, no = inverse ? 65535 : 0;

    if (match->family == 4)
        add_field(out, IPPROTO_TCP,
                  "-m bpf --bytecode \"17,48 0 0 0,84 0 0 15,100 0 0 2,2 0 0 0,7 0 0 0,80 0 0 12,"
                  "116 0 0 4,100 0 0 2,97 0 0 0,12 0 0 0,7 0 0 0,40 0 0 2,28 0 0 0,53 0 2 %u,"
                  "37 1 0 %u,6 0 0 %u,6 0 0 %u\"",
                  range->lo, range->hi, yes, no);
    else if (!inverse)
        add_field(out, IPPROTO_TCP,
                  "-m bpf --bytecode \"12,48 0 0 6,21 0 9 6,48 0 0 52,116 0 0 4,100 0 0 2,7 0 0 0,"
                  "40 0 0 4,28 0 0 0,53 0 2 %u,37 1 0 %u,6 0 0 65535,6 0 0 0\"",
                  range->lo, range->hi);
}

/* The bits of the fragment field, and whether the offset is 0. */
static void by_fragment(struct rule_tcpflags flags, bool inverse, struct conditions *out)
{
    struct text words = {0};
    unsigned mask = (unsigned)(flags.mask & ~FRAGMENT_OFFSET) << 12;
    unsigned value = (unsigned)(flags.value & ~FRAGMENT_OFFSET) << 12;

    if (mask)
        text_add(&words, "4&0x%x=0x%x%s", mask, value, flags.mask & FRAGMENT_OFFSET ? "&&" : "");
    if (flags.mask & FRAGMENT_OFFSET)
        text_add(&words, "4&0x1fff=%s", flags.value & FRAGMENT_OFFSET ? "0x1:0x1fff" : "0x0");
    add_field(out, -1, "-m u32 %s--u32 \"%s\"", inverse ? "! " : "", text_str(&words));
    text_free(&words);
}

static void by_extension(enum extension extension, const char *negation, struct conditions *out)
{
    static const char *const names[] = {
        [EXTENSION_FRAG] = "frag",  [EXTENSION_HOPOPT] = "hop", [EXTENSION_ROUTE] = "route",
        [EXTENSION_DSTOPT] = "dst", [EXTENSION_AH] = "auth",    [EXTENSION_ESP] = "esp",
    };

    if (extension >= EXTENSION_RTHDR0)
        add_field(out, -1, "-m rt %s--rt-type %u", negation,
                  extension == EXTENSION_RTHDR0 ? 0u : 2u);
    else
        add_field(out, -1, "-m ipv6header --soft %s--header %s", negation, names[extension]);
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
    case CLAUSE_TCPDATALEN:
        by_data_length(match, range, inverse, out);
        break;
    case CLAUSE_TAGGED:
        add_field(out, -1, "-m mark %s--mark 0x0/0x%x", inverse ? "" : "! ", range->lo);
        break;
    case CLAUSE_FRAGFLAGS:
        by_fragment(atom->flags, inverse, out);
        break;
    case CLAUSE_EXT6HDR:
        by_extension((enum extension)range->lo, negation, out);
        break;
    case CLAUSE_TCPMSS:
        add_field(out, IPPROTO_TCP, "-m tcpmss %s--mss %u:%u", negation, range->lo, range->hi);
        break;
    case CLAUSE_TCPOPTION:
        add_field(out, IPPROTO_TCP, "-m tcp %s--tcp-option %u", negation, range->lo);
        break;
    case CLAUSE_UID:
    case CLAUSE_GID:
        add_field(out, -1, "-m owner %s--%cid-owner %u-%u", negation,
                  match->kind == CLAUSE_UID ? 'u' : 'g', range->lo, range->hi);
        break;
    case CLAUSE_PROB:
        add_field(out, -1, "-m statistic --mode random --probability %.10f",
                  (double)range->lo / RULE_PROB_ONE);
        break;
    default:
        by_place(match, range, inverse, out);
    }
}
