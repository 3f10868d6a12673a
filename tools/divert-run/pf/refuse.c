/* SPDX-License-Identifier: BSD-2-Clause */
/* What is not supported of pf, and how Linux does it. */
#include "pf/private.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* The message after the keyword. */
struct refusal {
    const char *keyword, *why;
};

#define OWN_TABLE " in a table of your own, and leave this line out"

static const struct refusal statements[] = {
    {"load",
     "anchors are not loaded from elsewhere; write their rules here, or 'include' the file"},
    {"ether", "use nft's bridge family for frames"},
    {NULL, NULL},
};

static const struct refusal options[] = {
    {"route-to", "packets are routed by the kernel: ip rule add ... lookup TABLE, ip route add "
                 "default via GATEWAY table TABLE"},
    {"reply-to",
     "packets are routed by the kernel: mark the connection with nft (ct mark set), and "
     "ip rule add fwmark MARK lookup TABLE"},
    {"dup-to", "copy packets with nft (dup to ADDRESS device IF)" OWN_TABLE},
    {"af-to", "other programs translate between the families: run Jool or tayga"},
    {"divert-reply",
     "is for transparent proxies; they use TPROXY here: nft (tproxy to :PORT) and a "
     "socket with IP_TRANSPARENT"},
    {"rtable", "packets are routed by the kernel: ip rule add ... lookup TABLE"},
    {"once", "a rule stays until the end; remove it by starting divert-run again"},
    {"dnpipe", "bandwidth is limited by tc (tc qdisc add dev IF root tbf)"},
    {"dnqueue", "bandwidth is shared by tc (tc qdisc add dev IF root fq_codel)"},
    {"bridge-to", "use nft's bridge family for frames"},
    {"max-pkt-rate", "limit rates with nft (limit rate over N/second drop)"},
    {"os", "operating systems are recognised by nft (osf name) or iptables (-m osf)"},
    {"rdomain", "routing domains are network namespaces here; run a divert-run in each"},
    {NULL, NULL},
};

static const struct refusal *find_refusal(const struct pf_parser *pp, const struct refusal *list)
{
    for (; list->keyword; list++) {
        if (pf_lex_at(pp, list->keyword))
            return list;
    }
    return NULL;
}

/* Reads words to TO behind "->" or a keyword of translation: "10.0.0.5 port 80" is 10.0.0.5:80. */
static void read_target(struct pf_parser *pp, char *to, size_t size)
{
    char port[16] = "";
    bool is_port;

    if (parser_at_end(&pp->p) || pf_lex_is_mark(pp))
        return;
    snprintf(to, size, strchr(pp->p.word.s, ':') ? "[%.64s]" : "%.64s", pp->p.word.s);
    if (!pf_lex_next(pp) || !pf_lex_skip(pp, "port", &is_port) || !is_port)
        return;
    snprintf(port, sizeof(port), "%.12s", pp->p.word.s);
    snprintf(to + strlen(to), size - strlen(to), ":%s", port);
}

static void describe_interface(const struct pf_parser *pp, const char *field, struct text *out)
{
    const struct pf_clause *on = pf_find_clause(pp->pf, CLAUSE_VIA);

    if (on && on->count == 1 && on->items[0].count == 1)
        text_add(out, "%s %s\"%s\" ", field, on->items[0].negated ? "!= " : "",
                 on->items[0].atoms[0].ifname);
}

static void describe_port(const struct pf_parser *pp, struct text *out)
{
    const struct pf_clause *port = pf_find_clause(pp->pf, CLAUSE_DPORT);
    int proto = pf_rule_proto(pp->pf);

    if (port && port->count == 1 && port->items[0].count == 1)
        text_add(out, "%s dport %u ", proto == IPPROTO_UDP ? "udp" : "tcp",
                 port->items[0].atoms[0].range.lo);
}

/* "nat-to", "rdr-to", "binat-to": the same in nft, as far as the rule says it. */
static bool refuse_translation(struct pf_parser *pp)
{
    struct word keyword = pp->p.word;
    bool nat = strcmp(keyword.s, "rdr-to") != 0, bad_mask;
    char to[96] = "ADDRESS";
    struct text how = {0};
    struct rule_addr addr;

    if (pf_lex_next(pp))
        read_target(pp, to, sizeof(to));
    text_add(&how, nat ? "chain postrouting { type nat hook postrouting priority srcnat; "
                       : "chain prerouting { type nat hook prerouting priority dstnat; ");
    describe_interface(pp, nat ? "oifname" : "iifname", &how);
    describe_port(pp, &how);
    if (!nat)
        text_add(&how, "dnat ip%s to %s", strchr(to, '[') ? "6" : "", to);
    else if (pf_read_network(to, &addr, &bad_mask))
        text_add(&how, "snat ip%s to %s", addr.kind == ADDR_NET4 ? "" : "6", to);
    else
        text_add(&how, "masquerade");
    parser_fail_at(&pp->p, keyword.offset, keyword.length,
                   "'%s': addresses are translated by the kernel: put \"%s }\"" OWN_TABLE,
                   keyword.s, text_str(&how));
    text_free(&how);
    return true;
}

bool pf_refuses_option(struct pf_parser *pp)
{
    static const char *const translations[] = {"nat-to", "rdr-to", "binat-to", NULL};
    const struct refusal *refusal = find_refusal(pp, options);

    if (pf_lex_in(pp, translations))
        return refuse_translation(pp);
    if (refusal)
        parser_fail(&pp->p, "'%s': %s", refusal->keyword, refusal->why);
    return refusal;
}

/* "nat on em0 ...": the old translation rules. */
static bool refuse_old_translation(struct pf_parser *pp)
{
    bool rdr = pf_lex_at(pp, "rdr");

    parser_fail(
        &pp->p,
        rdr ? "'%s': addresses are translated by the kernel: put \"chain prerouting { type "
              "nat hook prerouting priority dstnat; iifname IF tcp dport PORT dnat ip to "
              "ADDRESS }\"" OWN_TABLE
            : "'%s': addresses are translated by the kernel: put \"chain postrouting { type "
              "nat hook postrouting priority srcnat; oifname IF masquerade }\"" OWN_TABLE,
        pp->p.word.s);
    return true;
}

bool pf_refuses_statement(struct pf_parser *pp)
{
    static const char *const translations[] = {"nat", "rdr", "binat", NULL};
    const struct refusal *refusal = find_refusal(pp, statements);

    if (pf_lex_in(pp, translations))
        return refuse_old_translation(pp);
    if (refusal)
        parser_fail(&pp->p, "'%s': %s", refusal->keyword, refusal->why);
    return refusal;
}
