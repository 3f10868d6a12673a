/* SPDX-License-Identifier: BSD-2-Clause */
/* Clauses about fields of headers in the words of nft(8). */
#include "nft/private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

/* The words for a field, of which numbers are asked for. */
static const char *field_name(const struct match *match, int *proto)
{
    *proto = -1;
    switch (match->kind) {
    case CLAUSE_IPTTL:
        return "ip ttl";
    case CLAUSE_IPID:
        return "ip id";
    case CLAUSE_IPPRECEDENCE:
        return "@nh,8,3";
    case CLAUSE_DSCP:
        return match->family == 4 ? "ip dscp" : "ip6 dscp";
    case CLAUSE_UID:
        return "meta skuid";
    case CLAUSE_GID:
        return "meta skgid";
    default:
        break;
    }
    *proto = IPPROTO_TCP;
    switch (match->kind) {
    case CLAUSE_TCPSEQ:
        return "tcp sequence";
    case CLAUSE_TCPACK:
        return "tcp ackseq";
    case CLAUSE_TCPWIN:
        return "tcp window";
    default:
        return "tcp option maxseg size";
    }
}

static void nft_numbers(const struct match *match, bool inverse, struct conditions *out)
{
    struct text text = {0};
    int proto;

    text_add(&text, "%s %s", field_name(match, &proto), inverse ? "!= " : "");
    nft_ranges(match, &text);
    conditions_add(out, proto, 0, &text);
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
