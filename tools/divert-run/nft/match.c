/* SPDX-License-Identifier: BSD-2-Clause */
/* Clauses in the language of nft(8). */
#include "nft/private.h"

#include "common/mark.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

static void nft_proto(int proto, struct text *out)
{
    switch (proto) {
    case IPPROTO_TCP:
        text_add(out, "meta l4proto tcp");
        break;
    case IPPROTO_UDP:
        text_add(out, "meta l4proto udp");
        break;
    default:
        text_add(out, "meta l4proto %d", proto);
    }
}

static void nft_family(int family, struct text *out)
{
    text_add(out, "meta nfproto ipv%d", family);
}

static const char *nft_negation(bool inverse)
{
    return inverse ? "!= " : "";
}

void nft_network(const struct rule_addr *addr, struct text *out)
{
    bool four = addr->kind == ADDR_NET4 || addr->kind == ADDR_MASK4;
    char s[INET6_ADDRSTRLEN];

    inet_ntop(four ? AF_INET : AF_INET6, addr->bytes, s, sizeof(s));
    text_add(out, addr->prefix == (four ? 32 : 128) ? "%s" : "%s/%u", s, addr->prefix);
}

static void nft_range(const struct rule_range *range, struct text *out)
{
    text_add(out, "%u", range->lo);
    if (range->hi != range->lo)
        text_add(out, "-%u", range->hi);
}

static bool nft_is_network(const struct rule_atom *atom)
{
    return atom->addr.kind == ADDR_NET4 || atom->addr.kind == ADDR_NET6;
}

/* "fib saddr . iif type local" */
static void nft_own_address(const struct match *match, const struct rule_addr *addr, bool inverse,
                            struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "fib %s", match->kind == CLAUSE_SRC ? "saddr" : "daddr");
    if (addr->kind == ADDR_IFACE)
        text_add(&text, " . %s", match->hook == HOOK_IN ? "iif" : "oif");
    text_add(&text, " type %slocal", nft_negation(inverse));
    conditions_add(out, -1, 0, &text);
}

/* "ip saddr & 255.0.255.0 == 10.0.5.0" */
static void nft_masked_address(const struct match *match, const struct rule_addr *addr,
                               bool inverse, struct conditions *out)
{
    int family = addr->kind == ADDR_MASK4 ? AF_INET : AF_INET6;
    char address[INET6_ADDRSTRLEN], mask[INET6_ADDRSTRLEN];
    struct text text = {0};

    inet_ntop(family, addr->bytes, address, sizeof(address));
    inet_ntop(family, addr->mask, mask, sizeof(mask));
    text_add(&text, "%s %s & %s %s %s", family == AF_INET ? "ip" : "ip6",
             match->kind == CLAUSE_SRC ? "saddr" : "daddr", mask, inverse ? "!=" : "==", address);
    conditions_add(out, -1, 0, &text);
}

/* All networks are one set, and each other address is a condition of its own. */
static void nft_addresses(const struct match *match, bool inverse, struct conditions *out)
{
    const char *side = match->kind == CLAUSE_SRC ? "saddr" : "daddr";
    struct text set = {0}, text = {0};
    unsigned networks = 0;

    if (match->list) {
        text_add(&text, "%s %s %s@list%u_%d", match->family == 4 ? "ip" : "ip6", side,
                 nft_negation(inverse), match->list->id, match->family);
        conditions_add(out, -1, 0, &text);
        return;
    }
    for (unsigned i = 0; i < match->count; i++) {
        if (!nft_is_network(match->atoms[i]))
            continue;
        text_add(&set, "%s", networks++ ? ", " : "");
        nft_network(&match->atoms[i]->addr, &set);
    }
    if (networks) {
        text_add(&text, "%s %s %s%s%s%s", match->family == 4 ? "ip" : "ip6", side,
                 nft_negation(inverse), networks > 1 ? "{ " : "", text_str(&set),
                 networks > 1 ? " }" : "");
        conditions_add(out, -1, 0, &text);
    }
    for (unsigned i = 0; i < match->count; i++) {
        const struct rule_addr *addr = &match->atoms[i]->addr;

        if (addr->kind >= ADDR_MASK4)
            nft_masked_address(match, addr, inverse, out);
        else if (!nft_is_network(match->atoms[i]))
            nft_own_address(match, addr, inverse, out);
    }
    text_free(&set);
}

void nft_ranges(const struct match *match, struct text *out)
{
    text_add(out, match->count > 1 ? "{ " : "");
    for (unsigned i = 0; i < match->count; i++) {
        text_add(out, "%s", i ? ", " : "");
        nft_range(&match->atoms[i]->range, out);
    }
    text_add(out, match->count > 1 ? " }" : "");
}

static void nft_ports(const struct match *match, bool inverse, struct conditions *out)
{
    const char *side = match->kind == CLAUSE_SPORT ? "sport" : "dport";
    struct text text = {0};

    if (match->proto < 0)
        text_add(&text, "meta l4proto { tcp, udp } ");
    text_add(&text, "th %s %s", side, nft_negation(inverse));
    nft_ranges(match, &text);
    conditions_add(out, match->proto, 0, &text);
    if (inverse && match->proto < 0) /* it would have to hold for other protocols, too */
        conditions_free(out);
}

static void nft_map_begin(enum clause_kind field, int family, struct text *out)
{
    switch (field) {
    case CLAUSE_SRC:
    case CLAUSE_DST:
        text_add(out, "ip%s %s", family == 4 ? "" : "6", field == CLAUSE_SRC ? "saddr" : "daddr");
        break;
    default:
        text_add(out, "th %s", field == CLAUSE_SPORT ? "sport" : "dport");
    }
    text_add(out, " vmap { ");
}

static void nft_map_key(enum clause_kind field, const struct rule_atom *atom, struct text *out)
{
    if (field == CLAUSE_SRC || field == CLAUSE_DST)
        nft_network(&atom->addr, out);
    else
        nft_range(&atom->range, out);
}

static void nft_interface(const struct match *match, bool inverse, struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "%sifname %s%s", match->kind == CLAUSE_RECV ? "i" : "o", nft_negation(inverse),
             match->count > 1 ? "{ " : "");
    for (unsigned i = 0; i < match->count; i++)
        text_add(&text, "%s\"%s\"", i ? ", " : "", match->atoms[i]->ifname);
    text_add(&text, "%s", match->count > 1 ? " }" : "");
    conditions_add(out, -1, 0, &text);
}

static void nft_tcpflags(struct rule_tcpflags flags, bool inverse, struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "tcp flags & 0x%x %s 0x%x", flags.mask, inverse ? "!=" : "==", flags.value);
    conditions_add(out, IPPROTO_TCP, 0, &text);
}

static void nft_fragment(const struct match *match, bool inverse, struct conditions *out)
{
    struct text text = {0};

    if (match->family == 4)
        text_add(&text, "ip frag-off & 0x1fff %s 0", inverse ? "==" : "!=");
    else if (!inverse)
        text_add(&text, "frag frag-off != 0");
    else
        return; /* the header may be missing */
    conditions_add(out, -1, 0, &text);
}

static void nft_icmptypes(const struct match *match, bool inverse, struct conditions *out)
{
    bool four = match->kind == CLAUSE_ICMPTYPES;
    struct text text = {0};

    text_add(&text, "%s type %s", four ? "icmp" : "icmpv6", nft_negation(inverse));
    nft_ranges(match, &text);
    conditions_add(out, four ? IPPROTO_ICMP : IPPROTO_ICMPV6, 0, &text);
}

/* The inverse would take two lines, so there is none. */
static void nft_icmpcodes(const struct match *match, bool inverse, struct conditions *out)
{
    bool four = match->kind == CLAUSE_ICMPCODE;

    for (unsigned i = 0; !inverse && i < match->count; i++) {
        const struct rule_range *range = &match->atoms[i]->range;
        const char *icmp = four ? "icmp" : "icmpv6";
        struct text text = {0};

        text_add(&text, "%s type %u %s code %u", icmp, range->lo, icmp, range->hi);
        conditions_add(out, four ? IPPROTO_ICMP : IPPROTO_ICMPV6, 0, &text);
    }
}

static void nft_lengths(const struct match *match, bool inverse, struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "meta length %s", nft_negation(inverse));
    nft_ranges(match, &text);
    conditions_add(out, -1, 0, &text);
}

static void nft_not_proto(int proto, bool inverse, struct conditions *out)
{
    struct text text = {0};

    if (inverse)
        text_add(&text, "meta l4proto != %d", proto);
    conditions_add(out, inverse ? -1 : proto, 0, &text);
}

/* The inverse would take two lines, so there is none. */
static void nft_connection(enum connection connection, bool inverse, struct conditions *out)
{
    struct text text = {0};

    if (inverse)
        return;
    text_add(&text, "ct state %s", connection == CONNECTION_RELATED ? "related" : "established");
    if (connection != CONNECTION_RELATED)
        text_add(&text, " ct direction %s", connection == CONNECTION_BACK ? "reply" : "original");
    conditions_add(out, -1, 0, &text);
}

/* The source is in a network of another interface. The inverse would take two lines. */
static void nft_spoofed(const struct match *match, bool inverse, struct conditions *out)
{
    for (unsigned i = 0; !inverse && i < match->count; i += 2) {
        struct text text = {0};

        text_add(&text, "%s saddr ", match->family == 4 ? "ip" : "ip6");
        nft_network(&match->atoms[i]->addr, &text);
        text_add(&text, " iifname != \"%s\"", match->atoms[i + 1]->ifname);
        conditions_add(out, -1, 0, &text);
    }
}

static void nft_conditions(const struct match *match, bool inverse, struct conditions *out)
{
    static const struct rule_tcpflags established = {.mask = TH_RST | TH_ACK, .value = 0};

    switch (match->kind) {
    case CLAUSE_SRC:
    case CLAUSE_DST:
        nft_addresses(match, inverse, out);
        break;
    case CLAUSE_SPORT:
    case CLAUSE_DPORT:
        nft_ports(match, inverse, out);
        break;
    case CLAUSE_RECV:
    case CLAUSE_XMIT:
        nft_interface(match, inverse, out);
        break;
    case CLAUSE_TCPFLAGS:
        nft_tcpflags(match->atoms[0]->flags, inverse, out);
        break;
    case CLAUSE_ESTABLISHED:
        nft_tcpflags(established, !inverse, out);
        break;
    case CLAUSE_ICMPTYPES:
    case CLAUSE_ICMP6TYPES:
        nft_icmptypes(match, inverse, out);
        break;
    case CLAUSE_ICMPCODE:
    case CLAUSE_ICMP6CODE:
        nft_icmpcodes(match, inverse, out);
        break;
    case CLAUSE_FRAG:
        nft_fragment(match, inverse, out);
        break;
    case CLAUSE_IPLEN:
        nft_lengths(match, inverse, out);
        break;
    case CLAUSE_CONNECTION:
        nft_connection(match->atoms[0]->range.lo, inverse, out);
        break;
    case CLAUSE_SPOOFED:
        nft_spoofed(match, inverse, out);
        break;
    case CLAUSE_PROTO:
        nft_not_proto(match->atoms[0]->range.lo, inverse, out);
        break;
    default:
        nft_field(match, inverse, out);
    }
}

static void nft_alternatives(const struct match *match, struct conditions *out)
{
    nft_conditions(match, false, out);
}

static void nft_inverse(const struct match *match, struct conditions *out)
{
    nft_conditions(match, true, out);
    if (out->count != 1)
        conditions_free(out);
}

static void nft_tag_at_least(const struct dialect *self, unsigned n, struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "meta mark & 0x%08x >= 0x%08x", self->mark_mask,
             n << mark_shift(self->mark_mask));
    conditions_add(out, -1, 0, &text);
}

static void nft_tag_is(const struct dialect *self, unsigned n, bool inverted, struct text *out)
{
    text_add(out, "meta mark & 0x%08x %s 0x%08x", self->mark_mask,
             inverted ? "!=" : "==", n << mark_shift(self->mark_mask));
}

static const struct dialect template = {
    .hook_names = {"incoming", "outgoing"},
    .both_families = true,
    .alternatives = nft_alternatives,
    .inverse = nft_inverse,
    .tag_at_least = nft_tag_at_least,
    .tag_is = nft_tag_is,
    .map_begin = nft_map_begin,
    .map_key = nft_map_key,
    .proto = nft_proto,
    .family = nft_family,
    .state_make = nft_state_make,
    .state_check = nft_state_check,
};

struct dialect nft_dialect(const struct filter_options *options)
{
    struct dialect dialect = template;

    dialect.mark_mask = options->mark_mask;
    dialect.events = options->event_group != 0;
    dialect.packet_tags = options->tag_mask;
    dialect.early = !options->tag_base;
    dialect.lifetimes = &options->lifetimes;
    return dialect;
}
