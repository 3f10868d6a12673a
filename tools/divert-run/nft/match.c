/* What clauses look like in the words of nft(8). */
#include "nft/dialect.h"

#include "common/mark.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

static void proto_text(int proto, struct text *out)
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

static void family_text(int family, struct text *out)
{
    text_add(out, "meta nfproto ipv%d", family);
}

static const char *not_equal(bool inverse)
{
    return inverse ? "!= " : "";
}

static void address_text(const struct rule_addr *addr, struct text *out)
{
    bool four = addr->kind == ADDR_NET4;
    char s[INET6_ADDRSTRLEN];

    inet_ntop(four ? AF_INET : AF_INET6, addr->bytes, s, sizeof(s));
    text_add(out, addr->prefix == (four ? 32 : 128) ? "%s" : "%s/%u", s, addr->prefix);
}

static void range_text(const struct rule_range *range, struct text *out)
{
    text_add(out, "%u", range->lo);
    if (range->hi != range->lo)
        text_add(out, "-%u", range->hi);
}

static bool is_network(const struct rule_atom *atom)
{
    return atom->addr.kind == ADDR_NET4 || atom->addr.kind == ADDR_NET6;
}

/* "fib saddr . iif type local" */
static void own_address(const struct match *match, const struct rule_addr *addr, bool inverse,
                        struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "fib %s", match->kind == CLAUSE_SRC ? "saddr" : "daddr");
    if (addr->kind == ADDR_IFACE)
        text_add(&text, " . %s", match->hook == HOOK_IN ? "iif" : "oif");
    text_add(&text, " type %slocal", not_equal(inverse));
    conditions_add(out, -1, 0, &text);
}

/* All networks in one set, and what are this host's own apart. */
static void addresses(const struct match *match, bool inverse, struct conditions *out)
{
    const char *side = match->kind == CLAUSE_SRC ? "saddr" : "daddr";
    struct text set = {0}, text = {0};
    unsigned int networks = 0;

    for (unsigned int i = 0; i < match->count; i++) {
        if (!is_network(match->atoms[i]))
            continue;
        text_add(&set, "%s", networks++ ? ", " : "");
        address_text(&match->atoms[i]->addr, &set);
    }
    if (networks) {
        text_add(&text, "%s %s %s%s%s%s", match->family == 4 ? "ip" : "ip6", side,
                 not_equal(inverse), networks > 1 ? "{ " : "", text_str(&set),
                 networks > 1 ? " }" : "");
        conditions_add(out, -1, 0, &text);
    }
    for (unsigned int i = 0; i < match->count; i++)
        if (!is_network(match->atoms[i]))
            own_address(match, &match->atoms[i]->addr, inverse, out);
    text_free(&set);
}

/* The ranges of all atoms: "80", or "{ 80, 443, 1000-2000 }". */
static void ranges_text(const struct match *match, struct text *out)
{
    text_add(out, match->count > 1 ? "{ " : "");
    for (unsigned int i = 0; i < match->count; i++) {
        text_add(out, "%s", i ? ", " : "");
        range_text(&match->atoms[i]->range, out);
    }
    text_add(out, match->count > 1 ? " }" : "");
}

static void ports(const struct match *match, bool inverse, struct conditions *out)
{
    const char *side = match->kind == CLAUSE_SPORT ? "sport" : "dport";
    struct text text = {0};

    if (match->proto < 0)
        text_add(&text, "meta l4proto { tcp, udp } ");
    text_add(&text, "th %s %s", side, not_equal(inverse));
    ranges_text(match, &text);
    conditions_add(out, match->proto, 0, &text);
    if (inverse && match->proto < 0) /* other protocols have other ports than these, too */
        conditions_free(out);
}

static void interface(const struct match *match, bool inverse, struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "%sifname %s\"%s\"", match->kind == CLAUSE_RECV ? "i" : "o", not_equal(inverse),
             match->atoms[0]->ifname);
    conditions_add(out, -1, 0, &text);
}

static void tcpflags(struct rule_tcpflags flags, bool inverse, struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "tcp flags & 0x%x %s 0x%x", flags.mask, inverse ? "!=" : "==", flags.value);
    conditions_add(out, IPPROTO_TCP, 0, &text);
}

static void fragment(const struct match *match, bool inverse, struct conditions *out)
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

static void icmptypes(const struct match *match, bool inverse, struct conditions *out)
{
    bool four = match->kind == CLAUSE_ICMPTYPES;
    struct text text = {0};

    text_add(&text, "%s type %s", four ? "icmp" : "icmpv6", not_equal(inverse));
    ranges_text(match, &text);
    conditions_add(out, four ? IPPROTO_ICMP : IPPROTO_ICMPV6, 0, &text);
}

static void lengths(const struct match *match, bool inverse, struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "meta length %s", not_equal(inverse));
    ranges_text(match, &text);
    conditions_add(out, -1, 0, &text);
}

static void protocol(int proto, bool inverse, struct conditions *out)
{
    struct text text = {0};

    if (inverse)
        text_add(&text, "meta l4proto != %d", proto);
    conditions_add(out, inverse ? -1 : proto, 0, &text);
}

/* The inverse of two conditions would take two lines. */
static void connection(enum connection connection, bool inverse, struct conditions *out)
{
    struct text text = {0};

    if (inverse)
        return;
    text_add(&text, "ct state %s", connection == CONNECTION_RELATED ? "related" : "established");
    if (connection != CONNECTION_RELATED)
        text_add(&text, " ct direction %s", connection == CONNECTION_BACK ? "reply" : "original");
    conditions_add(out, -1, 0, &text);
}

static void express(const struct match *match, bool inverse, struct conditions *out)
{
    static const struct rule_tcpflags established = {.mask = TH_RST | TH_ACK, .value = 0};

    switch (match->kind) {
    case CLAUSE_SRC:
    case CLAUSE_DST:
        addresses(match, inverse, out);
        break;
    case CLAUSE_SPORT:
    case CLAUSE_DPORT:
        ports(match, inverse, out);
        break;
    case CLAUSE_RECV:
    case CLAUSE_XMIT:
        interface(match, inverse, out);
        break;
    case CLAUSE_TCPFLAGS:
        tcpflags(match->atoms[0]->flags, inverse, out);
        break;
    case CLAUSE_ESTABLISHED:
        tcpflags(established, !inverse, out);
        break;
    case CLAUSE_ICMPTYPES:
    case CLAUSE_ICMP6TYPES:
        icmptypes(match, inverse, out);
        break;
    case CLAUSE_FRAG:
        fragment(match, inverse, out);
        break;
    case CLAUSE_IPLEN:
        lengths(match, inverse, out);
        break;
    case CLAUSE_CONNECTION:
        connection(match->atoms[0]->range.lo, inverse, out);
        break;
    default:
        protocol(match->atoms[0]->range.lo, inverse, out);
    }
}

static void alternatives(const struct match *match, struct conditions *out)
{
    express(match, false, out);
}

static void inverse(const struct match *match, struct conditions *out)
{
    express(match, true, out);
    if (out->count != 1)
        conditions_free(out);
}

static void tag_at_least(const struct dialect *self, unsigned int n, struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "meta mark & 0x%08x >= 0x%08x", self->mark_mask,
             n << mark_shift(self->mark_mask));
    conditions_add(out, -1, 0, &text);
}

static void tag_is(const struct dialect *self, unsigned int n, bool inverted, struct text *out)
{
    text_add(out, "meta mark & 0x%08x %s 0x%08x", self->mark_mask,
             inverted ? "!=" : "==", n << mark_shift(self->mark_mask));
}

static const struct dialect template = {
    .hook_names = {"incoming", "outgoing"},
    .both_families = true,
    .early = true,
    .alternatives = alternatives,
    .inverse = inverse,
    .tag_at_least = tag_at_least,
    .tag_is = tag_is,
    .proto = proto_text,
    .family = family_text,
};

struct dialect nft_dialect(const struct filter_options *options)
{
    struct dialect dialect = template;

    dialect.mark_mask = options->mark_mask;
    return dialect;
}
