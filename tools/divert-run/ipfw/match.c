/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses protocols, addresses, ports, types, flags and interfaces of an ipfw rule. */
#include "ipfw/private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>

bool ipfw_fail_at_item(struct parser *p, const struct word *item, const char *expected)
{
    return parser_fail_at(p, item->offset, item->length, "'%s': %s", item->s, expected);
}

bool ipfw_add_number(struct parser *p, enum clause_kind kind, bool negated, uint32_t number)
{
    struct rule_atom *atom;

    if (!parser_add_clause(p, kind, negated))
        return false;
    atom = parser_add_atom(p, &p->word);
    if (!atom)
        return false;
    atom->range.lo = atom->range.hi = number;
    return ipfw_lex_next(p);
}

bool ipfw_parse_proto(struct parser *p, bool negated)
{
    static const char *const all[] = {"ip", "all", NULL};
    static const char *const four[] = {"ip4", "ipv4", NULL};
    static const char *const six[] = {"ip6", "ipv6", NULL};
    int proto, earlier = rule_proto(p->rule);

    if (ipfw_lex_in(&p->word, all))
        return negated ? parser_fail(p, "'not %s' matches nothing", p->word.s) : ipfw_lex_next(p);
    if (ipfw_lex_in(&p->word, four))
        return ipfw_add_number(p, CLAUSE_FAMILY, negated, 4);
    if (ipfw_lex_in(&p->word, six))
        return ipfw_add_number(p, CLAUSE_FAMILY, negated, 6);
    proto = name_to_proto(p->word.s);
    if (proto < 1) /* 0 stands for all in ipfw and iptables, but for an IPv6 header in nft */
        return parser_fail(p,
                           "'%s': expected a protocol: ip, tcp, udp, icmp, another name of "
                           "/etc/protocols or a number from 1 to 255",
                           p->word.s);
    if (!negated && earlier >= 0 && earlier != proto)
        return parser_fail(p, "'%s': the rule is about another protocol already", p->word.s);
    return ipfw_add_number(p, CLAUSE_PROTO, negated, (uint32_t)proto);
}

static const char *service_protocol(const struct rule *rule)
{
    int proto = rule_proto(rule);

    return proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" : NULL;
}

static bool ipfw_add_port(struct parser *p, const struct word *item, void *context)
{
    const char *service = service_protocol(p->rule);
    struct rule_atom *atom = parser_add_atom(p, item);
    struct word copy = *item;
    char *dash;
    int lo, hi;

    (void)context;
    if (!atom)
        return false;
    ipfw_drop_escapes(copy.s);
    lo = hi = name_to_port(copy.s, service);
    dash = *copy.s ? strchr(copy.s + 1, '-') : NULL;
    while (lo < 0 && dash) { /* names of services may have dashes */
        *dash = '\0';
        lo = name_to_port(copy.s, service);
        hi = name_to_port(dash + 1, service);
        *dash = '-';
        if (hi < 0)
            lo = -1;
        dash = strchr(dash + 1, '-');
    }
    if (lo < 0)
        return ipfw_fail_at_item(
            p, item, "expected a port: 0 to 65535, a range 1000-2000 or a name of /etc/services");
    if (lo > hi)
        return ipfw_fail_at_item(p, item, "the range ends before it begins");
    atom->range.lo = (uint16_t)lo;
    atom->range.hi = (uint16_t)hi;
    return true;
}

bool ipfw_proto_has_ports(int proto)
{
    return proto == -1 || proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
           proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE;
}

bool ipfw_parse_ports(struct parser *p, enum clause_kind kind, bool negated)
{
    if (parser_at_end(p))
        return parser_fail(p, "expected a port at the end of the rule");
    if (!ipfw_proto_has_ports(rule_proto(p->rule)))
        return parser_fail(p, "'%s': this protocol has no ports; expected tcp, udp or ip",
                           p->word.s);
    return parser_add_clause(p, kind, negated) && ipfw_lex_list(p, ipfw_add_port, NULL);
}

static bool ipfw_add_icmptype(struct parser *p, const struct word *item, void *context)
{
    int type = name_to_icmptype(item->s);
    struct rule_atom *atom = parser_add_atom(p, item);

    (void)context;
    if (!atom)
        return false;
    if (type < 0)
        return ipfw_fail_at_item(p, item, "expected an ICMP type from 0 to 255");
    atom->range.lo = atom->range.hi = (uint16_t)type;
    return true;
}

bool ipfw_parse_icmptypes(struct parser *p, enum clause_kind kind, bool negated)
{
    if (parser_at_end(p))
        return parser_fail(p, "expected an ICMP type at the end of the rule");
    return parser_add_clause(p, kind, negated) && ipfw_lex_list(p, ipfw_add_icmptype, NULL);
}

static bool ipfw_add_tcpflag(struct parser *p, const struct word *item, void *context)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } flags[] = {{"fin", TH_FIN},  {"syn", TH_SYN}, {"rst", TH_RST},
                 {"psh", TH_PUSH}, {"ack", TH_ACK}, {"urg", TH_URG}};
    struct rule_tcpflags *wanted = context;
    bool clear = item->s[0] == '!';

    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        if (strcasecmp(item->s + clear, flags[i].name) != 0)
            continue;
        if (wanted->mask & flags[i].bit)
            return ipfw_fail_at_item(p, item, "this flag is named twice");
        wanted->mask |= flags[i].bit;
        wanted->value |= clear ? 0 : flags[i].bit;
        return true;
    }
    return ipfw_fail_at_item(
        p, item,
        "expected a TCP flag: fin, syn, rst, psh, ack or urg, with '!' before it if "
        "it must be off");
}

bool ipfw_parse_tcpflags(struct parser *p, bool negated)
{
    struct rule_tcpflags flags = {0};
    struct word first = p->word;
    struct rule_atom *atom;

    if (parser_at_end(p))
        return parser_fail(p, "expected TCP flags at the end of the rule");
    if (!ipfw_lex_list(p, ipfw_add_tcpflag, &flags) ||
        !parser_add_clause(p, CLAUSE_TCPFLAGS, negated))
        return false;
    atom = parser_add_atom(p, &first);
    if (atom)
        atom->flags = flags;
    return atom;
}

static bool ipfw_interface_name_ok(const char *name)
{
    size_t length = strlen(name), stem = strcspn(name, "*");

    if (stem != length && stem != length - 1)
        return false;
    return stem > 0 && stem < IFNAMSIZ && !strpbrk(name, "/\"'\\+!;{}") && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* "via 10.1.0.1": the interface that has the address now. NULL after an error. */
static const char *interface_name(struct parser *p, char name[IFNAMSIZ])
{
    struct in6_addr address;
    int family = strchr(p->word.s, ':') ? AF_INET6 : AF_INET;

    if (inet_pton(family, p->word.s, &address) != 1)
        return parser_interface_name(p->word.s);
    if (ipfw_interface_of(family, &address, name))
        return name;
    parser_fail(p, "'%s': no interface has this address now; expected one that is there, or a name",
                p->word.s);
    return NULL;
}

bool ipfw_parse_interface(struct parser *p, enum clause_kind kind, bool negated)
{
    char found[IFNAMSIZ];
    const char *name;
    struct rule_atom *atom;

    if (parser_at_end(p))
        return parser_fail(p, "expected an interface name at the end of the rule");
    if (ipfw_at_table(p))
        return ipfw_parse_table(p, kind, negated);
    for (const char *s = p->word.s; *s; s++) {
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
            return parser_fail(p, "expected an interface name in plain characters");
    }
    name = interface_name(p, found);
    if (!name)
        return false;
    if (!ipfw_interface_name_ok(name))
        return parser_fail(
            p, "'%s': expected an interface name of at most %d characters, '*' only at its end",
            p->word.s, IFNAMSIZ - 1);
    if (!parser_add_clause(p, kind, negated))
        return false;
    atom = parser_add_atom(p, &p->word);
    if (!atom)
        return false;
    strcpy(atom->ifname, name);
    /* Drop a '*' after a name that is already the longest possible. */
    atom->ifname[strnlen(atom->ifname, IFNAMSIZ - 1)] = '\0';
    return ipfw_lex_next(p);
}
