/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the options behind the destination of an ipfw rule. */
#include "ipfw/private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>

typedef bool option_parser(struct parser *p, enum clause_kind kind, bool negated);

struct option {
    const char *name;
    option_parser *parse;
    enum clause_kind kind;
};

static bool needs_proto(struct parser *p, int needed, const char *name)
{
    int proto = rule_proto(p->rule);

    if (proto == -1 || proto == needed)
        return true;
    return parser_fail(p, "'%s': the rule is about another protocol than %s", p->word.s, name);
}

static bool parse_bare_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return parser_add_clause(p, kind, negated) && ipfw_lex_next(p);
}

/* "not in" is "out", and the other way round. */
static bool parse_direction_option(struct parser *p, enum clause_kind kind, bool negated)
{
    bool in = (kind == CLAUSE_IN) != negated;
    enum clause_kind meant = in ? CLAUSE_IN : CLAUSE_OUT;

    if (rule_clause(p->rule, in ? CLAUSE_OUT : CLAUSE_IN))
        return parser_fail(p, "'%s': no packet is both incoming and outgoing", p->word.s);
    if (in && rule_clause(p->rule, CLAUSE_XMIT))
        return parser_fail(
            p, "'%s': an incoming packet has no interface for xmit yet; expected recv or via",
            p->word.s);
    return parse_bare_option(p, meant, false);
}

static bool parse_iface_option(struct parser *p, enum clause_kind kind, bool negated)
{
    if (kind == CLAUSE_XMIT && rule_clause(p->rule, CLAUSE_IN))
        return parser_fail(
            p, "'%s': an incoming packet has no outgoing interface yet; expected recv or via",
            p->word.s);
    if (!ipfw_lex_next(p))
        return false;
    return ipfw_parse_interface(p, kind, negated);
}

static bool parse_setup_option(struct parser *p, enum clause_kind kind, bool negated)
{
    struct rule_atom *atom;

    if (!needs_proto(p, IPPROTO_TCP, "tcp") || !parser_add_clause(p, kind, negated))
        return false;
    atom = parser_add_atom(p, &p->word);
    if (!atom)
        return false;
    atom->flags = (struct rule_tcpflags){.mask = TH_SYN | TH_ACK, .value = TH_SYN};
    return ipfw_lex_next(p);
}

static bool parse_established_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return needs_proto(p, IPPROTO_TCP, "tcp") && parse_bare_option(p, kind, negated);
}

static bool parse_flags_option(struct parser *p, enum clause_kind kind, bool negated)
{
    (void)kind;
    return needs_proto(p, IPPROTO_TCP, "tcp") && ipfw_lex_next(p) &&
           ipfw_parse_tcpflags(p, negated);
}

static bool parse_types_option(struct parser *p, enum clause_kind kind, bool negated)
{
    bool six = kind == CLAUSE_ICMP6TYPES;

    if (rule_clause(p->rule, CLAUSE_SPORT) || rule_clause(p->rule, CLAUSE_DPORT))
        return parser_fail(p, "'%s': the rule has ports, and ICMP has none", p->word.s);
    return needs_proto(p, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP, six ? "icmp6" : "icmp") &&
           ipfw_lex_next(p) && ipfw_parse_icmptypes(p, kind, negated);
}

static bool parse_address_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return ipfw_lex_next(p) && ipfw_parse_addresses(p, kind, negated);
}

static bool parse_port_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return ipfw_lex_next(p) && ipfw_parse_ports(p, kind, negated);
}

/* "proto ipv6" is IPv6 inside of IP. */
static bool parse_proto_option(struct parser *p, enum clause_kind kind, bool negated)
{
    if (!ipfw_lex_next(p))
        return false;
    if (ipfw_lex_at(p, "ipv6"))
        return ipfw_add_number(p, kind, negated, IPPROTO_IPV6);
    return ipfw_parse_proto(p, negated);
}

static bool parse_family_option(struct parser *p, enum clause_kind kind, bool negated)
{
    (void)kind;
    return ipfw_parse_proto(p, negated);
}

static bool parse_field_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return ipfw_lex_next(p) && ipfw_parse_numbers(p, kind, negated);
}

static bool parse_tcp_field_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return needs_proto(p, IPPROTO_TCP, "tcp") && parse_field_option(p, kind, negated);
}

static bool parse_tcpoptions_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return needs_proto(p, IPPROTO_TCP, "tcp") && ipfw_lex_next(p) &&
           ipfw_parse_tcpoptions(p, kind, negated);
}

static bool parse_dscp_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return ipfw_lex_next(p) && ipfw_parse_dscp(p, kind, negated);
}

static bool parse_tos_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return ipfw_lex_next(p) && ipfw_parse_tos(p, kind, negated);
}

static bool parse_tagged_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return ipfw_lex_next(p) && ipfw_parse_tagged(p, kind, negated);
}

static bool parse_owner_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return ipfw_lex_next(p) && ipfw_parse_owner(p, kind, negated);
}

static bool parse_version_option(struct parser *p, enum clause_kind kind, bool negated)
{
    long version;

    if (!ipfw_lex_next(p))
        return false;
    version = name_to_number(p->word.s, 255);
    if (version != 4 && version != 6)
        return parser_fail(p, "'%s': expected an IP version, 4 or 6", p->word.s);
    return ipfw_add_number(p, kind, negated, (uint32_t)version);
}

static bool parse_ipoptions_option(struct parser *p, enum clause_kind kind, bool negated)
{
    (void)kind;
    return ipfw_lex_next(p) && ipfw_parse_ipoptions(p, negated);
}

static bool parse_ext6hdr_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return ipfw_lex_next(p) && ipfw_parse_ext6hdr(p, kind, negated);
}

/* A diverted packet, in one direction only. */
static bool parse_diverted_option(struct parser *p, enum clause_kind kind, bool negated)
{
    return ipfw_add_number(p, kind, negated, ipfw_lex_at(p, "diverted-loopback") ? 1 : 2);
}

static const struct option options[] = {
    {"in", parse_direction_option, CLAUSE_IN},
    {"out", parse_direction_option, CLAUSE_OUT},
    {"via", parse_iface_option, CLAUSE_VIA},
    {"recv", parse_iface_option, CLAUSE_RECV},
    {"xmit", parse_iface_option, CLAUSE_XMIT},
    {"diverted", parse_bare_option, CLAUSE_DIVERTED},
    {"diverted-loopback", parse_diverted_option, CLAUSE_DIVERTED},
    {"diverted-output", parse_diverted_option, CLAUSE_DIVERTED},
    {"sockarg", parse_bare_option, CLAUSE_SOCKARG},
    {"established", parse_established_option, CLAUSE_ESTABLISHED},
    {"estab", parse_established_option, CLAUSE_ESTABLISHED},
    {"setup", parse_setup_option, CLAUSE_TCPFLAGS},
    {"tcpflags", parse_flags_option, CLAUSE_TCPFLAGS},
    {"tcpflgs", parse_flags_option, CLAUSE_TCPFLAGS},
    {"icmptypes", parse_types_option, CLAUSE_ICMPTYPES},
    {"icmptype", parse_types_option, CLAUSE_ICMPTYPES},
    {"icmp6types", parse_types_option, CLAUSE_ICMP6TYPES},
    {"icmp6type", parse_types_option, CLAUSE_ICMP6TYPES},
    {"frag", ipfw_parse_frag, CLAUSE_FRAG},
    {"fragment", ipfw_parse_frag, CLAUSE_FRAG},
    {"ipoptions", parse_ipoptions_option, CLAUSE_IPOPTION},
    {"ipopts", parse_ipoptions_option, CLAUSE_IPOPTION},
    {"iplen", parse_field_option, CLAUSE_IPLEN},
    {"ipttl", parse_field_option, CLAUSE_IPTTL},
    {"ipid", parse_field_option, CLAUSE_IPID},
    {"ipprecedence", parse_field_option, CLAUSE_IPPRECEDENCE},
    {"iptos", parse_tos_option, CLAUSE_IPTOS},
    {"ipversion", parse_version_option, CLAUSE_FAMILY},
    {"ipver", parse_version_option, CLAUSE_FAMILY},
    {"dscp", parse_dscp_option, CLAUSE_DSCP},
    {"tcpseq", parse_tcp_field_option, CLAUSE_TCPSEQ},
    {"tcpack", parse_tcp_field_option, CLAUSE_TCPACK},
    {"tcpwin", parse_tcp_field_option, CLAUSE_TCPWIN},
    {"tcpdatalen", parse_tcp_field_option, CLAUSE_TCPDATALEN},
    {"tcpmss", parse_tcp_field_option, CLAUSE_TCPMSS},
    {"tcpoptions", parse_tcpoptions_option, CLAUSE_TCPOPTION},
    {"tcpopts", parse_tcpoptions_option, CLAUSE_TCPOPTION},
    {"uid", parse_owner_option, CLAUSE_UID},
    {"gid", parse_owner_option, CLAUSE_GID},
    {"verrevpath", parse_bare_option, CLAUSE_REVPATH},
    {"antispoof", ipfw_parse_antispoof, CLAUSE_SPOOFED},
    {"ext6hdr", parse_ext6hdr_option, CLAUSE_EXT6HDR},
    {"flow-id", parse_field_option, CLAUSE_FLOWID},
    {"ipsec", parse_bare_option, CLAUSE_IPSEC},
    {"tagged", parse_tagged_option, CLAUSE_TAGGED},
    {"proto", parse_proto_option, CLAUSE_PROTO},
    {"keep-state", ipfw_parse_state_option, 0},
    {"record-state", ipfw_parse_state_option, 0},
    {"limit", ipfw_parse_state_option, 0},
    {"set-limit", ipfw_parse_state_option, 0},
    {"src-ip", parse_address_option, CLAUSE_SRC},
    {"dst-ip", parse_address_option, CLAUSE_DST},
    {"src-ip6", parse_address_option, CLAUSE_SRC},
    {"dst-ip6", parse_address_option, CLAUSE_DST},
    {"src-ipv6", parse_address_option, CLAUSE_SRC},
    {"dst-ipv6", parse_address_option, CLAUSE_DST},
    {"src-port", parse_port_option, CLAUSE_SPORT},
    {"dst-port", parse_port_option, CLAUSE_DPORT},
    {"lookup", ipfw_parse_lookup, CLAUSE_DST},
    {"ip4", parse_family_option, CLAUSE_FAMILY},
    {"ipv4", parse_family_option, CLAUSE_FAMILY},
    {"ip6", parse_family_option, CLAUSE_FAMILY},
    {"ipv6", parse_family_option, CLAUSE_FAMILY},
};

static const char bridge[] = "these rules see IP packets; use nft's family bridge";
static const char deferred[] = "a rule acts at once here; write one rule that makes the state";

/* Options that are not supported, and what does the same on Linux. */
static const struct {
    const char *name, *instead;
} unsupported[] = {
    {"defer-action", deferred},
    {"defer-immediate-action", deferred},
    {"check-state", "it is an action: write it before the body"},
    {"state", "expected keep-state or limit"},
    {"flow", "use lookup for single fields"},
    {"jail", "there are no jails; use uid or gid"},
    {"fib", "match the packet mark with nft(8) or iptables(8)"},
    {"mark", "ipfw's mark does not exist here; tell packets apart with skipto"},
    {"layer2", bridge},
    {"bridged", bridge},
    {"mac", bridge},
    {"mac-type", bridge},
    {"src-mac", bridge},
    {"dst-mac", bridge},
    {"versrcreach", "netfilter cannot tell the default route from others; verrevpath is stricter"},
    {"or", "write alternatives in braces"},
};

static const char *reason_against(const struct word *word)
{
    for (size_t i = 0; i < sizeof(unsupported) / sizeof(*unsupported); i++) {
        if (strcasecmp(unsupported[i].name, word->s) == 0)
            return unsupported[i].instead;
    }
    return NULL;
}

static const struct option *find_ipfw_option(const struct word *word)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        if (strcasecmp(options[i].name, word->s) == 0)
            return &options[i];
    }
    return NULL;
}

bool ipfw_is_option(const struct word *word)
{
    return find_ipfw_option(word) || reason_against(word);
}

bool ipfw_parse_options(struct parser *p)
{
    const struct option *option;
    bool negated;

    while (!parser_at_end(p)) {
        negated = ipfw_lex_at(p, "not");
        if (negated && !ipfw_lex_next(p))
            return false;
        if (parser_at_end(p))
            return parser_fail(p, "expected an option after 'not'");
        option = find_ipfw_option(&p->word);
        if (!option && reason_against(&p->word))
            return parser_fail(p, "'%s': this option is not supported: %s", p->word.s,
                               reason_against(&p->word));
        if (!option)
            return parser_fail(
                p, "'%s': expected an option (in, out, via, recv, xmit, diverted, setup, ...)",
                p->word.s);
        if (!option->parse(p, option->kind, negated))
            return false;
    }
    return true;
}
