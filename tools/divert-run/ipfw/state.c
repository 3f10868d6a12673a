/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the options of an ipfw rule about dynamic rules. */
#include "ipfw/private.h"

#include <string.h>
#include <strings.h>

static const char flow_default[] = "default";

static bool flow_name_ok(const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] <= ' ' || (unsigned char)name[i] >= 0x7f)
            return false;
    }
    return length > 0 && length < RULE_FLOW_MAX;
}

/* ":NAME" may follow; without it the flow is "default". */
static bool parse_flow(struct parser *p)
{
    const char *name = p->word.s + 1;

    strcpy(p->rule->state.flow, flow_default);
    if (p->word.s[0] != ':')
        return true;
    if (!flow_name_ok(name))
        return parser_fail(p, "'%s': expected the name of a flow after ':', at most %d characters",
                           p->word.s, RULE_FLOW_MAX - 1);
    strcpy(p->rule->state.flow, name);
    return ipfw_lex_next(p);
}

bool ipfw_parse_check_state(struct parser *p)
{
    p->rule->state.checks = true;
    if (!parse_flow(p))
        return false;
    p->rule->state.any_flow = strcasecmp(p->rule->state.flow, "any") == 0;
    return parser_at_end(p) ||
           parser_fail(p, "'%s': only a flow, :NAME, may follow check-state", p->word.s);
}

static enum limit_part limit_part_at(const struct parser *p)
{
    static const struct {
        const char *name;
        enum limit_part part;
    } parts[] = {{"src-addr", LIMIT_SRC_ADDR},
                 {"src-port", LIMIT_SRC_PORT},
                 {"dst-addr", LIMIT_DST_ADDR},
                 {"dst-port", LIMIT_DST_PORT}};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (ipfw_lex_at(p, parts[i].name))
            return parts[i].part;
    }
    return 0;
}

static bool parse_limit(struct parser *p)
{
    enum limit_part part;
    long limit;

    while ((part = limit_part_at(p))) {
        p->rule->state.parts |= (uint8_t)part;
        if (!ipfw_lex_next(p))
            return false;
    }
    if (!p->rule->state.parts)
        return parser_fail(p, "%s%s%sexpected src-addr, src-port, dst-addr or dst-port%s",
                           parser_at_end(p) ? "" : "'", p->word.s, parser_at_end(p) ? "" : "': ",
                           parser_at_end(p) ? " at the end of the rule" : "");
    limit = name_to_number(p->word.s, 65535);
    if (parser_at_end(p))
        return parser_fail(p, "expected a number of connections at the end of the rule");
    if (limit < 1)
        return parser_fail(p, "'%s': expected a number of connections, 1 to 65535", p->word.s);
    p->rule->state.limit = (unsigned)limit;
    return ipfw_lex_next(p);
}

bool ipfw_parse_state_option(struct parser *p, enum clause_kind kind, bool negated)
{
    bool limits = ipfw_lex_at(p, "limit") || ipfw_lex_at(p, "set-limit");
    struct rule_state *state = &p->rule->state;

    (void)kind;
    if (negated)
        return parser_fail(p, "'%s': cannot be negated", p->word.s);
    if (state->makes)
        return parser_fail(p, "'%s': a rule makes one dynamic rule for a packet", p->word.s);
    state->makes = true;
    state->checks = ipfw_lex_at(p, "keep-state") || ipfw_lex_at(p, "limit");
    return ipfw_lex_next(p) && (!limits || parse_limit(p)) && parse_flow(p);
}
