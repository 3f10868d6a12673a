/* SPDX-License-Identifier: BSD-2-Clause */
/* Clauses in the language of iptables(8). */
#include "iptables/private.h"

#include "common/mark.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

enum { SLOT_PROTO = 1, SLOT_SRC = 2, SLOT_DST = 4, SLOT_IIF = 8, SLOT_OIF = 16, SLOT_FRAG = 32 };

#define MULTIPORT_MAX 15

static void iptables_proto(int proto, struct text *out)
{
    switch (proto) {
    case IPPROTO_TCP:
        text_add(out, "-p tcp");
        break;
    case IPPROTO_UDP:
        text_add(out, "-p udp");
        break;
    case IPPROTO_ICMP:
        text_add(out, "-p icmp");
        break;
    case IPPROTO_ICMPV6:
        text_add(out, "-p ipv6-icmp");
        break;
    default:
        text_add(out, "-p %d", proto);
    }
}

static void iptables_add_condition(struct conditions *out, int proto, unsigned slots,
                                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void iptables_add_condition(struct conditions *out, int proto, unsigned slots,
                                   const char *fmt, ...)
{
    struct text text = {0};
    va_list ap;

    va_start(ap, fmt);
    text_vadd(&text, fmt, ap);
    va_end(ap);
    conditions_add(out, proto, slots, &text);
}

static const char *iptables_negation(bool inverse)
{
    return inverse ? "! " : "";
}

void iptables_network(const struct match *match, const struct rule_addr *addr, bool inverse,
                      struct conditions *out)
{
    bool src = match->kind == CLAUSE_SRC;
    int family = addr->kind == ADDR_NET4 || addr->kind == ADDR_MASK4 ? AF_INET : AF_INET6;
    char s[INET6_ADDRSTRLEN], mask[INET6_ADDRSTRLEN];

    inet_ntop(family, addr->bytes, s, sizeof(s));
    if (addr->kind >= ADDR_MASK4) {
        inet_ntop(family, addr->mask, mask, sizeof(mask));
        iptables_add_condition(out, -1, src ? SLOT_SRC : SLOT_DST, "%s-%c %s/%s",
                               iptables_negation(inverse), src ? 's' : 'd', s, mask);
        return;
    }
    iptables_add_condition(out, -1, src ? SLOT_SRC : SLOT_DST, "%s-%c %s/%u",
                           iptables_negation(inverse), src ? 's' : 'd', s, addr->prefix);
}

static void iptables_address(const struct match *match, const struct rule_addr *addr, bool inverse,
                             struct conditions *out)
{
    bool src = match->kind == CLAUSE_SRC;

    if (addr->kind == ADDR_ME || addr->kind == ADDR_ME6) {
        iptables_add_condition(out, -1, 0, "-m addrtype %s--%s-type LOCAL",
                               iptables_negation(inverse), src ? "src" : "dst");
        return;
    }
    if (addr->kind == ADDR_IFACE) {
        iptables_add_condition(out, -1, 0, "-m addrtype %s--%s-type LOCAL --limit-iface-%s",
                               iptables_negation(inverse), src ? "src" : "dst",
                               match->hook == HOOK_IN ? "in" : "out");
        return;
    }
    iptables_network(match, addr, inverse, out);
}

static void iptables_port_range(const struct rule_atom *atom, struct text *out)
{
    text_add(out, "%u", atom->range.lo);
    if (atom->range.hi != atom->range.lo)
        text_add(out, ":%u", atom->range.hi);
}

/* A multiport match has up to 15 places; a range takes two. */
static void iptables_ports_of_proto(const struct match *match, int proto, bool inverse,
                                    struct conditions *out)
{
    const char *side = match->kind == CLAUSE_SPORT ? "sport" : "dport";
    unsigned i = 0;

    if (match->count == 1 && (proto == IPPROTO_TCP || proto == IPPROTO_UDP)) {
        struct text port = {0};

        iptables_port_range(match->atoms[0], &port);
        iptables_add_condition(out, proto, 0, "-m %s %s--%s %s",
                               proto == IPPROTO_TCP ? "tcp" : "udp", iptables_negation(inverse),
                               side, text_str(&port));
        text_free(&port);
        return;
    }
    while (i < match->count) {
        struct text text = {0};
        unsigned places = 0;

        text_add(&text, "-m multiport %s--%ss ", iptables_negation(inverse), side);
        for (; i < match->count; i++) {
            unsigned needed = match->atoms[i]->range.lo == match->atoms[i]->range.hi ? 1 : 2;

            if (places + needed > MULTIPORT_MAX)
                break;
            text_add(&text, "%s", places ? "," : "");
            iptables_port_range(match->atoms[i], &text);
            places += needed;
        }
        conditions_add(out, proto, 0, &text);
    }
}

static void iptables_ports(const struct match *match, bool inverse, struct conditions *out)
{
    if (match->proto >= 0) {
        iptables_ports_of_proto(match, match->proto, inverse, out);
        return;
    }
    iptables_ports_of_proto(match, IPPROTO_TCP, inverse, out);
    iptables_ports_of_proto(match, IPPROTO_UDP, inverse, out);
}

static void iptables_interface(const struct match *match, const char *name, bool inverse,
                               struct conditions *out)
{
    bool in = match->kind == CLAUSE_RECV;
    int stem = (int)strcspn(name, "*");

    iptables_add_condition(out, -1, in ? SLOT_IIF : SLOT_OIF, "%s-%c %.*s%s",
                           iptables_negation(inverse), in ? 'i' : 'o', stem, name,
                           name[stem] ? "+" : "");
}

static void iptables_flag_names(uint8_t flags, struct text *out)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
    const char *comma = "";

    if (!flags)
        text_add(out, "NONE");
    for (unsigned i = 0; i < 6; i++) {
        if (!(flags & 1u << i))
            continue;
        text_add(out, "%s%s", comma, names[i]);
        comma = ",";
    }
}

static void iptables_tcpflags(struct rule_tcpflags flags, bool inverse, struct conditions *out)
{
    struct text text = {0};

    text_add(&text, "-m tcp %s--tcp-flags ", iptables_negation(inverse));
    iptables_flag_names(flags.mask, &text);
    text_add(&text, " ");
    iptables_flag_names(flags.value, &text);
    conditions_add(out, IPPROTO_TCP, 0, &text);
}

/* There is no match for the fragment offset of an IPv6 packet. u32 finds it if the fragment header
 * comes first. */
static void iptables_fragment(const struct match *match, bool inverse, struct conditions *out)
{
    if (match->family == 4)
        iptables_add_condition(out, -1, SLOT_FRAG, "%s-f", iptables_negation(inverse));
    else
        iptables_add_condition(out, -1, 0, "-m u32 %s--u32 \"4>>8&0xff=44&&40&0xfff8=8:0xfff8\"",
                               iptables_negation(inverse));
}

static void iptables_length(const struct rule_range *range, bool inverse, struct conditions *out)
{
    iptables_add_condition(out, -1, 0, "-m length %s--length %u:%u", iptables_negation(inverse),
                           range->lo, range->hi);
}

/* The inverse would take two lines, so there is none. */
static void iptables_connection(enum connection connection, bool inverse, struct conditions *out)
{
    if (inverse)
        return;
    if (connection == CONNECTION_RELATED)
        iptables_add_condition(out, -1, 0, "-m conntrack --ctstate RELATED");
    else
        iptables_add_condition(out, -1, 0, "-m conntrack --ctstate ESTABLISHED --ctdir %s",
                               connection == CONNECTION_BACK ? "REPLY" : "ORIGINAL");
}

static void iptables_icmptype(const struct match *match, unsigned type, bool inverse,
                              struct conditions *out)
{
    if (match->kind == CLAUSE_ICMPTYPES)
        iptables_add_condition(out, IPPROTO_ICMP, 0, "-m icmp %s--icmp-type %u",
                               iptables_negation(inverse), type);
    else
        iptables_add_condition(out, IPPROTO_ICMPV6, 0, "-m icmp6 %s--icmpv6-type %u",
                               iptables_negation(inverse), type);
}

static void iptables_icmpcode(const struct match *match, const struct rule_range *range,
                              bool inverse, struct conditions *out)
{
    if (match->kind == CLAUSE_ICMPCODE)
        iptables_add_condition(out, IPPROTO_ICMP, 0, "-m icmp %s--icmp-type %u/%u",
                               iptables_negation(inverse), range->lo, range->hi);
    else
        iptables_add_condition(out, IPPROTO_ICMPV6, 0, "-m icmp6 %s--icmpv6-type %u/%u",
                               iptables_negation(inverse), range->lo, range->hi);
}

static void iptables_not_proto(int proto, bool inverse, struct conditions *out)
{
    struct text text = {0};

    if (inverse) {
        text_add(&text, "! ");
        iptables_proto(proto, &text);
    }
    conditions_add(out, inverse ? -1 : proto, inverse ? SLOT_PROTO : 0, &text);
}

/* The source is in a network of another interface. The inverse would take two lines. */
static void iptables_spoofed(const struct match *match, bool inverse, struct conditions *out)
{
    for (unsigned i = 0; !inverse && i < match->count; i += 2) {
        const struct rule_addr *addr = &match->atoms[i]->addr;
        char s[INET6_ADDRSTRLEN];

        inet_ntop(match->family == 4 ? AF_INET : AF_INET6, addr->bytes, s, sizeof(s));
        iptables_add_condition(out, -1, SLOT_SRC | SLOT_IIF, "-s %s/%u ! -i %s", s, addr->prefix,
                               match->atoms[i + 1]->ifname);
    }
}

static void iptables_conditions(const struct match *match, bool inverse, struct conditions *out)
{
    static const struct rule_tcpflags established = {.mask = TH_RST | TH_ACK, .value = 0};

    if (match->kind == CLAUSE_SPORT || match->kind == CLAUSE_DPORT) {
        iptables_ports(match, inverse, out);
        return;
    }
    if (match->kind == CLAUSE_SPOOFED) {
        iptables_spoofed(match, inverse, out);
        return;
    }
    if (match->kind == CLAUSE_IPSEC)
        iptables_add_condition(out, -1, 0, "-m policy --dir in --pol %s",
                               inverse ? "none" : "ipsec");
    if (match->list)
        iptables_list(match, inverse, out);
    if (match->kind == CLAUSE_ESTABLISHED)
        iptables_tcpflags(established, !inverse, out);
    if (match->kind == CLAUSE_FRAG)
        iptables_fragment(match, inverse, out);
    if (match->kind == CLAUSE_REVPATH)
        iptables_add_condition(out, -1, 0, "-m rpfilter%s", inverse ? " --invert" : "");
    if (match->kind == CLAUSE_ROUTED)
        iptables_add_condition(out, -1, 0, "-m rpfilter --loose%s", inverse ? " --invert" : "");
    for (unsigned i = 0; i < match->count; i++) {
        const struct rule_atom *atom = match->atoms[i];

        if (match->kind == CLAUSE_SRC || match->kind == CLAUSE_DST)
            iptables_address(match, &atom->addr, inverse, out);
        else if (match->kind == CLAUSE_RECV || match->kind == CLAUSE_XMIT)
            iptables_interface(match, atom->ifname, inverse, out);
        else if (match->kind == CLAUSE_TCPFLAGS && atom->flags.mask & 0xc0)
            iptables_high_tcpflags(match, atom->flags, inverse, out);
        else if (match->kind == CLAUSE_TCPFLAGS)
            iptables_tcpflags(atom->flags, inverse, out);
        else if (match->kind == CLAUSE_IPLEN)
            iptables_length(&atom->range, inverse, out);
        else if (match->kind == CLAUSE_CONNECTION)
            iptables_connection(atom->range.lo, inverse, out);
        else if (match->kind == CLAUSE_PROTO)
            iptables_not_proto(atom->range.lo, inverse, out);
        else if (match->kind == CLAUSE_ICMPTYPES || match->kind == CLAUSE_ICMP6TYPES)
            iptables_icmptype(match, atom->range.lo, inverse, out);
        else if (match->kind == CLAUSE_ICMPCODE || match->kind == CLAUSE_ICMP6CODE)
            iptables_icmpcode(match, &atom->range, inverse, out);
        else
            iptables_field(match, atom, inverse, out);
    }
}

static void iptables_alternatives(const struct match *match, struct conditions *out)
{
    iptables_conditions(match, false, out);
}

/* Adds nothing if the inverse takes several lines. */
static void iptables_inverse(const struct match *match, struct conditions *out)
{
    struct conditions all = {0};

    iptables_conditions(match, true, &all);
    if (all.count == 1)
        *out = all;
    else
        conditions_free(&all);
}

/* Classic BPF: loads the mark (SKF_AD_OFF + SKF_AD_MARK), masks and compares it; returns non-zero
 * for a match. */
static void tag_at_least_bpf(const struct dialect *self, unsigned n, struct conditions *out)
{
    iptables_add_condition(
        out, -1, 0,
        "-m bpf --bytecode \"5,32 0 0 4294963220,84 0 0 %u,53 0 1 %u,6 0 0 65535,6 0 0 0\"",
        self->mark_mask, n << mark_shift(self->mark_mask));
}

/* A number exceeds N - 1 if it has 1 at a bit where N - 1 has 0, and all higher bits are equal. */
static void tag_at_least_prefixes(const struct dialect *self, unsigned n, struct conditions *out)
{
    unsigned below = n - 1, shift = mark_shift(self->mark_mask);

    for (unsigned bit = 0; bit < 16; bit++) {
        unsigned mask = 0xffffu & ~((1u << bit) - 1);
        unsigned value = (below & mask) | 1u << bit;

        if (!(below & 1u << bit))
            iptables_add_condition(out, -1, 0, "-m mark --mark 0x%x/0x%x", value << shift,
                                   mask << shift);
    }
}

static void iptables_tag_is(const struct dialect *self, unsigned n, bool inverted, struct text *out)
{
    text_add(out, "-m mark %s--mark 0x%x/0x%x", iptables_negation(inverted),
             n << mark_shift(self->mark_mask), self->mark_mask);
}

static const struct dialect with_bpf = {
    .hook_names = {"in", "out"},
    .alternatives = iptables_alternatives,
    .inverse = iptables_inverse,
    .tag_at_least = tag_at_least_bpf,
    .tag_is = iptables_tag_is,
    .proto = iptables_proto,
    .defrag = "-m mark --mark 0x1/0x0 -m socket",
};

struct dialect iptables_dialect(const struct filter_options *options)
{
    struct dialect dialect = with_bpf;

    dialect.mark_mask = options->mark_mask;
    dialect.events = options->event_group != 0;
    dialect.packet_tags = options->tag_mask;
    if (options->no_bpf)
        dialect.tag_at_least = tag_at_least_prefixes;
    if (options->no_defrag)
        dialect.defrag = NULL;
    return dialect;
}
