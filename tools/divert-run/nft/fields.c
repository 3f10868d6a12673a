/* SPDX-License-Identifier: BSD-2-Clause */
/* Clauses about header fields in the language of nft(8). */
#include "nft/private.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

/* The words for numeric fields. */
static const struct {
    enum clause_kind kind;
    int proto;
    const char *four, *six;
} names[] = {
    {CLAUSE_IPTTL, -1, "ip ttl", NULL},
    {CLAUSE_IPID, -1, "ip id", NULL},
    {CLAUSE_FLOWID, -1, NULL, "ip6 flowlabel"},
    {CLAUSE_IPPRECEDENCE, -1, "@nh,8,3", NULL},
    {CLAUSE_DSCP, -1, "ip dscp", "ip6 dscp"},
    {CLAUSE_TCPSEQ, IPPROTO_TCP, "tcp sequence", "tcp sequence"},
    {CLAUSE_TCPACK, IPPROTO_TCP, "tcp ackseq", "tcp ackseq"},
    {CLAUSE_TCPWIN, IPPROTO_TCP, "tcp window", "tcp window"},
    {CLAUSE_TCPMSS, IPPROTO_TCP, "tcp option maxseg size", "tcp option maxseg size"},
    {CLAUSE_UID, -1, "meta skuid", "meta skuid"},
    {CLAUSE_GID, -1, "meta skgid", "meta skgid"},
};

static void nft_numbers(const struct match *match, bool inverse, struct conditions *out)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct text text = {0};

        if (names[i].kind != match->kind)
            continue;
        text_add(&text, "%s %s", match->family == 4 ? names[i].four : names[i].six,
                 inverse ? "!= " : "");
        nft_ranges(match, &text);
        conditions_add(out, names[i].proto, 0, &text);
    }
}

static const char *option_name(uint32_t number)
{
    switch (number) {
    case TCPOPT_MAXSEG:
        return "maxseg";
    case TCPOPT_WINDOW:
        return "window";
    case TCPOPT_SACK_PERMITTED:
        return "sack-perm";
    default:
        return "timestamp";
    }
}

/*
 * Compares the packet's length for each length of its headers, because nft cannot subtract. In an
 * IPv6 packet the TCP header must come first.
 */
static void nft_data_length(const struct match *match, struct conditions *out)
{
    struct text text = {0};
    const char *comma = "";

    text_add(&text, match->family == 4 ? "ip hdrlength . tcp doff . ip length { "
                                       : "ip6 nexthdr 6 tcp doff . ip6 length { ");
    for (unsigned ip = 5; ip <= (match->family == 4 ? 15 : 5); ip++) {
        for (unsigned i = 0; i < match->count * 11; i++) {
            const struct rule_range *range = &match->atoms[i / 11]->range;
            unsigned tcp = 5 + i % 11, headers = 4 * (tcp + (match->family == 4 ? ip : 0));
            unsigned hi = range->hi + headers > 65535 ? 65535 : range->hi + headers;

            if (range->lo + headers > 65535)
                continue;
            text_add(&text, "%s", comma);
            if (match->family == 4)
                text_add(&text, "%u . ", ip);
            text_add(&text, "%u . %u-%u", tcp, range->lo + headers, hi);
            comma = ", ";
        }
    }
    text_add(&text, " }");
    conditions_add(out, IPPROTO_TCP, 0, &text);
}

/* There is an inverse only if it is one comparison. */
static void nft_fragment_flags(struct rule_tcpflags flags, bool inverse, struct conditions *out)
{
    struct text text = {0};
    unsigned mask = (unsigned)(flags.mask & ~FRAGMENT_OFFSET) << 12;
    unsigned value = (unsigned)(flags.value & ~FRAGMENT_OFFSET) << 12;
    bool offset = flags.mask & FRAGMENT_OFFSET, is_zero = !(flags.value & FRAGMENT_OFFSET);

    if (inverse && mask && offset)
        return;
    if (mask)
        text_add(&text, "ip frag-off & 0x%x %s 0x%x%s", mask, inverse ? "!=" : "==", value,
                 offset ? " " : "");
    if (offset)
        text_add(&text, "ip frag-off & 0x1fff %s 0", inverse == is_zero ? "!=" : "==");
    conditions_add(out, -1, 0, &text);
}

static void nft_ip_option(uint32_t number, bool inverse, struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "ip option %s %s",
             number == IPOPT_LSRR   ? "lsrr"
             : number == IPOPT_SSRR ? "ssrr"
                                    : "rr",
             inverse ? "missing" : "exists");
    conditions_add(out, -1, 0, &text);
}

/* One condition each. Routing headers have no inverse: it would need a packet that has one. */
static void nft_extension(enum extension extension, bool inverse, struct conditions *out)
{
    static const char *const names[] = {
        [EXTENSION_FRAG] = "frag",
        [EXTENSION_HOPOPT] = "hbh",
        [EXTENSION_ROUTE] = "rt",
        [EXTENSION_DSTOPT] = "dst",
    };
    struct text text = {0};

    if (extension >= EXTENSION_RTHDR0 && inverse)
        return;
    if (extension >= EXTENSION_RTHDR0)
        text_add(&text, "rt type %u", extension == EXTENSION_RTHDR0 ? 0u : 2u);
    else if (extension >= EXTENSION_AH)
        text_add(&text, "meta l4proto %s%d", inverse ? "!= " : "",
                 extension == EXTENSION_AH ? IPPROTO_AH : IPPROTO_ESP);
    else
        text_add(&text, "exthdr %s %s", names[extension], inverse ? "missing" : "exists");
    conditions_add(out, -1, 0, &text);
}

void nft_field(const struct match *match, bool inverse, struct conditions *out)
{
    const struct rule_atom *atom = match->atoms[0];
    struct text text = {0};

    switch (match->kind) {
    case CLAUSE_IPTOS:
        text_add(&text, "@nh,8,8 & 0x%x %s 0x%x", atom->flags.mask,
                 inverse ? "!=" : "==", atom->flags.value);
        break;
    case CLAUSE_TCPOPTION:
        text_add(&text, "tcp option %s %s", option_name(atom->range.lo),
                 inverse ? "missing" : "exists");
        conditions_add(out, IPPROTO_TCP, 0, &text);
        return;
    case CLAUSE_REVPATH:
        text_add(&text, "fib saddr . iif oif %s", inverse ? "missing" : "exists");
        break;
    case CLAUSE_ROUTED:
        text_add(&text, "fib saddr oif %s", inverse ? "missing" : "exists");
        break;
    case CLAUSE_PROB:
        text_add(&text, "numgen random mod %u < %u", RULE_PROB_ONE, atom->range.lo);
        break;
    case CLAUSE_TCPDATALEN:
        if (!inverse)
            nft_data_length(match, out);
        return;
    case CLAUSE_FRAGFLAGS:
        nft_fragment_flags(atom->flags, inverse, out);
        return;
    case CLAUSE_IPOPTION:
        nft_ip_option(atom->range.lo, inverse, out);
        return;
    case CLAUSE_EXT6HDR:
        for (unsigned i = 0; i < match->count; i++)
            nft_extension((enum extension)match->atoms[i]->range.lo, inverse, out);
        return;
    case CLAUSE_TAGGED:
        text_add(&text, "meta mark & 0x%08x %s 0", atom->range.lo, inverse ? "==" : "!=");
        break;
    case CLAUSE_IPSEC:
        text_add(&text, "meta ipsec %s", inverse ? "missing" : "exists");
        break;
    case CLAUSE_TCPMSS:
    case CLAUSE_UID:
    case CLAUSE_GID:
        if (inverse)
            return; /* false also without the option or the sender */
        nft_numbers(match, inverse, out);
        return;
    default:
        nft_numbers(match, inverse, out);
        return;
    }
    conditions_add(out, -1, 0, &text);
}
