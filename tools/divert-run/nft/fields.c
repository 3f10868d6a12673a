/* SPDX-License-Identifier: BSD-2-Clause */
/* Clauses about fields of headers in the words of nft(8). */
#include "nft/private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

/* The words for fields of which numbers are asked for. */
static const struct {
    enum clause_kind kind;
    int proto;
    const char *four, *six;
} names[] = {
    {CLAUSE_IPTTL, -1, "ip ttl", NULL},
    {CLAUSE_IPID, -1, "ip id", NULL},
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
    case CLAUSE_PROB:
        text_add(&text, "numgen random mod %u < %u", RULE_PROB_ONE, atom->range.lo);
        break;
    case CLAUSE_TCPMSS:
    case CLAUSE_UID:
    case CLAUSE_GID:
        if (inverse)
            return; /* the option or the sender may be missing */
        nft_numbers(match, inverse, out);
        return;
    default:
        nft_numbers(match, inverse, out);
        return;
    }
    conditions_add(out, -1, 0, &text);
}
