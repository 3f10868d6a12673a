/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the action of an ipfw rule, and what may stand between it and the body. */
#include "ipfw/private.h"

#include <string.h>
#include <strings.h>

typedef bool action_parser(struct parser *p);

static bool parse_divert_port(struct parser *p)
{
    return parser_read_divert_port(p) && ipfw_lex_next(p);
}

/* A rule without a number is checked again by ruleset_add(), which gives it one. */
static bool parse_skipto_target(struct parser *p)
{
    long number = name_to_number(p->word.s, 65535);

    if (parser_at_end(p))
        return parser_fail(p, "expected a rule number at the end of the rule");
    if (number < 1)
        return parser_fail(p, "'%s': expected the number of a rule to skip to, 1 to 65535",
                           p->word.s);
    if (p->rule->number && number <= (long)p->rule->number)
        return parser_fail(p, "'%s': skipto goes forward only; expected a number above %u",
                           p->word.s, p->rule->number);
    p->rule->argument = (unsigned)number;
    return ipfw_lex_next(p);
}

/* Any rule can be called, even an earlier one. */
static bool parse_call_target(struct parser *p)
{
    long number = name_to_number(p->word.s, 65535);

    if (parser_at_end(p))
        return parser_fail(p, "expected a rule number at the end of the rule");
    if (number < 1)
        return parser_fail(p, "'%s': expected the number of a rule to call, 1 to 65535", p->word.s);
    p->rule->argument = (unsigned)number;
    return ipfw_lex_next(p);
}

/* The code of a name is its index. */
static int code_of(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i] && strcasecmp(name, names[i]) == 0)
            return (int)i;
    }
    return (int)name_to_number(name, 255);
}

#define NEEDFRAG 4

/* "unreach needfrag 1400" */
static bool parse_mtu(struct parser *p)
{
    long mtu = name_to_number(p->word.s, 65535);

    if (p->rule->answer.code != NEEDFRAG || mtu < 0)
        return true;
    p->rule->answer.mtu = (uint16_t)mtu;
    return ipfw_lex_next(p);
}

static bool parse_unreach(struct parser *p)
{
    static const char *const names[] = {
        "net",      "host",          "protocol",        "port",
        "needfrag", "srcfail",       "net-unknown",     "host-unknown",
        "isolated", "net-prohib",    "host-prohib",     "tosnet",
        "toshost",  "filter-prohib", "host-precedence", "precedence-cutoff"};
    int code = code_of(names, sizeof(names) / sizeof(*names), p->word.s);

    if (parser_at_end(p))
        return parser_fail(p, "expected a code of ICMP unreachable at the end of the rule");
    if (code < 0)
        return parser_fail(p,
                           "'%s': expected a code of ICMP unreachable: 0 to 255, net, host, port, "
                           "filter-prohib or another name of ipfw(8)",
                           p->word.s);
    p->rule->answer = (struct rule_answer){ANSWER_UNREACH, (uint8_t)code, 0};
    return ipfw_lex_next(p) && parse_mtu(p);
}

static bool parse_unreach6(struct parser *p)
{
    static const char *const names[] = {"no-route", "admin-prohib", NULL, "address", "port"};
    int code = code_of(names, sizeof(names) / sizeof(*names), p->word.s);

    if (parser_at_end(p))
        return parser_fail(p, "expected a code of ICMPv6 unreachable at the end of the rule");
    if (code < 0)
        return parser_fail(p,
                           "'%s': expected a code of ICMPv6 unreachable: no-route, admin-prohib, "
                           "address, port or a number",
                           p->word.s);
    p->rule->answer = (struct rule_answer){ANSWER_UNREACH6, (uint8_t)code, 0};
    return ipfw_lex_next(p);
}

static bool parse_reject(struct parser *p)
{
    p->rule->answer = (struct rule_answer){ANSWER_UNREACH, 1, 0};
    return true;
}

static bool parse_reset(struct parser *p)
{
    p->rule->answer.kind = ANSWER_RESET;
    return true;
}

static bool parse_reset6(struct parser *p)
{
    p->rule->answer.kind = ANSWER_RESET6;
    return true;
}

static bool parse_dscp_value(struct parser *p)
{
    int dscp = ipfw_dscp_of(p->word.s);

    if (parser_at_end(p))
        return parser_fail(p, "expected a DSCP at the end of the rule");
    if (dscp < 0)
        return parser_fail(p, "'%s': expected a DSCP: " IPFW_DSCP_NAMES, p->word.s);
    p->rule->argument = (unsigned)dscp;
    return ipfw_lex_next(p);
}

static bool parse_segment_size(struct parser *p)
{
    long size = name_to_number(p->word.s, 65535);

    if (parser_at_end(p))
        return parser_fail(p, "expected a segment size at the end of the rule");
    if (size < 1)
        return parser_fail(p, "'%s': expected a segment size, 1 to 65535", p->word.s);
    p->rule->argument = (unsigned)size;
    return ipfw_lex_next(p);
}

static const struct {
    const char *name;
    enum rule_action action;
    action_parser *parse; /* what follows; NULL: nothing does */
} actions[] = {
    {"divert", RULE_DIVERT, parse_divert_port},
    {"tee", RULE_TEE, parse_divert_port},
    {"allow", RULE_ALLOW, NULL},
    {"accept", RULE_ALLOW, NULL},
    {"pass", RULE_ALLOW, NULL},
    {"permit", RULE_ALLOW, NULL},
    {"deny", RULE_DENY, NULL},
    {"drop", RULE_DENY, NULL},
    {"reject", RULE_DENY, parse_reject},
    {"unreach", RULE_DENY, parse_unreach},
    {"unreach6", RULE_DENY, parse_unreach6},
    {"reset", RULE_DENY, parse_reset},
    {"reset6", RULE_DENY, parse_reset6},
    {"count", RULE_COUNT, NULL},
    {"skipto", RULE_SKIPTO, parse_skipto_target},
    {"reass", RULE_COUNT, NULL},
    {"check-state", RULE_CHECK_STATE, NULL},
    {"call", RULE_CALL, parse_call_target},
    {"return", RULE_RETURN, NULL},
    {"setdscp", RULE_SETDSCP, parse_dscp_value},
    {"tcp-setmss", RULE_SETMSS, parse_segment_size},
};

static const char dummynet[] = "shape with tc(8) on the interface";
static const char translator[] = "divert to natd(8), or translate with nft(8) or iptables(8)";
static const char stateless[] = "a translator such as jool or tayga does that on Linux";
static const char netgraph[] = "there is no netgraph on Linux; divert to a program";

/* Actions that are not supported, and what does the same on Linux. */
static const struct {
    const char *name, *instead;
} refused[] = {
    {"abort", "Linux sends no SCTP ABORT; use deny"},
    {"abort6", "Linux sends no SCTP ABORT; use deny"},
    {"fwd", "use policy routing (ip rule, ip route), or TPROXY for a port of this host"},
    {"forward", "use policy routing (ip rule, ip route), or TPROXY for a port of this host"},
    {"nat", translator},
    {"nat64clat", stateless},
    {"nat64lsn", stateless},
    {"nat64stl", stateless},
    {"nptv6", "use the NETMAP target of ip6tables(8), or nft's snat prefix to"},
    {"pipe", dummynet},
    {"queue", dummynet},
    {"netgraph", netgraph},
    {"ngtee", netgraph},
    {"setfib", "use a packet mark and policy routing (ip rule fwmark)"},
    {"setmark", "ipfw's mark does not exist here; tell packets apart with skipto"},
};

static bool fail_at_action(struct parser *p)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        if (ipfw_lex_at(p, refused[i].name))
            return parser_fail(p, "'%s': this action is not supported: %s", p->word.s,
                               refused[i].instead);
    }
    return parser_fail(
        p,
        "'%s': expected an action: divert, tee, allow, deny, reject, unreach, reset, "
        "count or skipto",
        p->word.s);
}

/* Does the argument come from a table entry? */
static bool is_tablearg(const struct parser *p)
{
    enum rule_action action = p->rule->action;

    return ipfw_lex_at(p, "tablearg") && (action == RULE_DIVERT || action == RULE_TEE ||
                                          action == RULE_SKIPTO || action == RULE_SETDSCP);
}

bool ipfw_parse_action(struct parser *p)
{
    if (parser_at_end(p))
        return parser_fail(p, "expected an action at the end of the rule");
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
        if (!ipfw_lex_at(p, actions[i].name))
            continue;
        p->rule->action = actions[i].action;
        if (!ipfw_lex_next(p))
            return false;
        p->rule->tablearg = is_tablearg(p);
        if (p->rule->tablearg)
            return ipfw_lex_next(p);
        return !actions[i].parse || actions[i].parse(p);
    }
    return fail_at_action(p);
}

static bool parse_log_amount(struct parser *p)
{
    long amount;

    if (!ipfw_lex_at(p, "logamount"))
        return true;
    if (!ipfw_lex_next(p))
        return false;
    amount = name_to_number(p->word.s, 1000000000);
    if (amount < 0)
        return parser_fail(p, "'%s': expected a number after logamount", p->word.s);
    p->rule->log_amount = (unsigned)amount;
    return ipfw_lex_next(p);
}

/* There is one log. */
static bool parse_log_destination(struct parser *p)
{
    if (!ipfw_lex_at(p, "logdst"))
        return true;
    if (!ipfw_lex_next(p))
        return false;
    if (!ipfw_lex_at(p, "syslog"))
        return parser_fail(p, "'%s': expected syslog: there is no other log on Linux", p->word.s);
    return ipfw_lex_next(p);
}

static bool parse_packet_tag(struct parser *p, bool removes)
{
    long tag;

    if (!ipfw_lex_next(p))
        return false;
    tag = name_to_number(p->word.s, PACKET_TAG_MAX);
    if (tag < 1)
        return parser_fail(p, "'%s': expected a tag, 1 to %d", p->word.s, PACKET_TAG_MAX);
    p->rule->packet_tag = (unsigned)tag;
    p->rule->removes_tag = removes;
    return ipfw_lex_next(p);
}

bool ipfw_parse_parameters(struct parser *p)
{
    for (;;) {
        bool removes = ipfw_lex_at(p, "untag"), read;

        if (ipfw_lex_at(p, "log") && !p->rule->log) {
            p->rule->log = true;
            read = ipfw_lex_next(p) && parse_log_amount(p) && parse_log_destination(p);
        } else if ((removes || ipfw_lex_at(p, "tag")) && !p->rule->packet_tag) {
            read = parse_packet_tag(p, removes);
        } else if (ipfw_lex_at(p, "altq")) {
            read = parser_fail(p, "'altq': there is no ALTQ on Linux; shape with tc(8)");
        } else {
            return true;
        }
        if (!read)
            return false;
    }
}
