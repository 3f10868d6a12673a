/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses an ipfw rule: number, action and body. */
#include "ipfw/ipfw.h"

#include "ipfw/private.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static bool starts_with_digit(const struct word *word)
{
    return isdigit((unsigned char)word->s[0]);
}

static bool parse_rule_number(struct parser *p)
{
    long number = name_to_number(p->word.s, RULE_NUMBER_MAX);

    if (!starts_with_digit(&p->word))
        return true;
    if (name_to_number(p->word.s, RULE_DEFAULT) == RULE_DEFAULT) {
        p->rule->is_default = true;
        return ipfw_lex_next(p);
    }
    if (number < 1)
        return parser_fail(p, "'%s': a rule number is from 1 to %d", p->word.s, RULE_NUMBER_MAX);
    if (number == RULE_NUMBER_FREE)
        return parser_fail(p,
                           "'%s': this number is reserved here, for sockarg; use the one before "
                           "or after it",
                           p->word.s);
    p->rule->number = (unsigned)number;
    return ipfw_lex_next(p);
}

/* "set 5" stands before the action. */
static bool parse_ipfw_set(struct parser *p)
{
    long number;

    if (!ipfw_lex_at(p, "set"))
        return true;
    if (!ipfw_lex_next(p))
        return false;
    number = name_to_number(p->word.s, RULE_SETS - 1);
    if (number < 0)
        return parser_fail(p, "'%s': expected the number of a set, 0 to 31", p->word.s);
    p->rule->set = (unsigned)number;
    return ipfw_lex_next(p);
}

/* "prob 0.5" stands before the action. */
static bool parse_ipfw_probability(struct parser *p)
{
    return !ipfw_lex_at(p, "prob") || (ipfw_lex_next(p) && ipfw_parse_prob(p));
}

static bool expect_ipfw_keyword(struct parser *p, const char *keyword)
{
    if (ipfw_lex_at(p, keyword))
        return ipfw_lex_next(p);
    if (parser_at_end(p))
        return parser_fail(p, "expected '%s' at the end of the rule", keyword);
    return parser_fail(p, "'%s': expected '%s'", p->word.s, keyword);
}

static bool parse_not(struct parser *p, bool *negated)
{
    *negated = ipfw_lex_at(p, "not");
    return !*negated || ipfw_lex_next(p);
}

static bool parse_endpoint(struct parser *p, enum clause_kind kind)
{
    bool negated;

    return parse_not(p, &negated) && ipfw_parse_addresses(p, kind, negated);
}

static bool looks_like_ports(const struct word *word)
{
    char first[sizeof(word->s)];

    memcpy(first, word->s, sizeof(first));
    first[strcspn(first, ",")] = '\0';
    ipfw_drop_escapes(first);
    if (starts_with_digit(word) || name_to_port(first, NULL) >= 0)
        return true;
    for (char *dash = strchr(first, '-'); dash; dash = strchr(dash + 1, '-')) {
        bool begins;

        *dash = '\0';
        begins = name_to_port(first, NULL) >= 0;
        *dash = '-';
        if (begins)
            return true;
    }
    return false;
}

static bool parse_source_ports(struct parser *p)
{
    bool negated;

    if (!ipfw_lex_at(p, "not") && !looks_like_ports(&p->word))
        return true;
    return parse_not(p, &negated) && ipfw_parse_ports(p, CLAUSE_SPORT, negated);
}

static bool parse_destination_ports(struct parser *p)
{
    struct word next;
    bool negated = ipfw_lex_at(p, "not");

    if (parser_at_end(p) || ipfw_is_option(&p->word))
        return true;
    if (negated && (!ipfw_lex_peek(p, &next) || !next.length || ipfw_is_option(&next)))
        return true;
    if (!negated && !looks_like_ports(&p->word))
        return true; /* ipfw_parse_options() reports what is wrong */
    return parse_not(p, &negated) && ipfw_parse_ports(p, CLAUSE_DPORT, negated);
}

/*
 * Options may follow directly. "ip4" is an option as well as a protocol; the latter is followed by
 * "from".
 */
static bool begins_with_options(struct parser *p)
{
    struct word next;

    if (!ipfw_lex_peek(p, &next) || strcasecmp(next.s, "from") == 0)
        return false;
    return ipfw_is_option(&p->word) || (ipfw_lex_at(p, "not") && ipfw_is_option(&next));
}

static bool parse_ipfw_body(struct parser *p)
{
    bool negated;

    if (begins_with_options(p))
        return ipfw_parse_options(p);
    if (!parse_not(p, &negated))
        return false;
    if (parser_at_end(p))
        return parser_fail(p, "expected a protocol at the end of the rule");
    return ipfw_parse_proto(p, negated) && expect_ipfw_keyword(p, "from") &&
           parse_endpoint(p, CLAUSE_SRC) && parse_source_ports(p) && expect_ipfw_keyword(p, "to") &&
           parse_endpoint(p, CLAUSE_DST) && parse_destination_ports(p) && ipfw_parse_options(p);
}

static bool parse_ipfw_rest(struct parser *p)
{
    return p->rule->action == RULE_CHECK_STATE ? ipfw_parse_check_state(p) : parse_ipfw_body(p);
}

/* The default rule decides for all packets. */
static bool check_default_rule(struct parser *p, size_t from)
{
    const struct rule *rule = p->rule;
    bool fits = rule->action == RULE_ALLOW || rule->action == RULE_DENY;

    for (unsigned i = 0; rule->is_default && i < rule->clause_count; i++) {
        const struct rule_clause *clause = &rule->clauses[i];

        fits = fits && (clause->kind == CLAUSE_SRC || clause->kind == CLAUSE_DST) &&
               !clause->negated && clause->count &&
               rule->atoms[clause->first].addr.kind == ADDR_ANY;
    }
    if (!rule->is_default || fits)
        return true;
    return parser_fail_at(p, from, p->word.offset - from,
                          "rule 65535 is the default: expected 'allow' or 'deny' and 'ip from any "
                          "to any'");
}

/* The action of a dynamic rule has nowhere to return to. */
static bool check_call(struct parser *p, size_t from)
{
    const struct rule *rule = p->rule;

    if (!rule->state.makes || (rule->action != RULE_CALL && rule->action != RULE_RETURN))
        return true;
    return parser_fail_at(p, from, p->word.offset - from,
                          "call and return cannot be combined with dynamic rules");
}

/* Only TCP has segments. */
static bool imply_tcp(struct parser *p, size_t from)
{
    int proto = rule_proto(p->rule);
    struct rule_clause *clause;
    struct rule_atom *atom;

    if (p->rule->action != RULE_SETMSS || proto == IPPROTO_TCP)
        return true;
    if (proto >= 0)
        return parser_fail_at(p, from, p->word.offset - from,
                              "'tcp-setmss': the rule is about another protocol than tcp");
    clause = parser_add_clause(p, CLAUSE_PROTO, false);
    atom = clause ? parser_add_atom(p, &p->word) : NULL;
    if (atom)
        atom->range.lo = atom->range.hi = IPPROTO_TCP;
    return atom;
}

enum rule_result ipfw_parse(const char *text, struct rule *out, struct rule_error *error)
{
    struct parser p = {.rule = out, .error = error};
    size_t from;

    memset(out, 0, offsetof(struct rule, clauses));
    if (!ipfw_lex_start(&p, text))
        return RULE_BAD;
    if (parser_at_end(&p))
        return RULE_EMPTY;
    if (!parse_rule_number(&p) || !parse_ipfw_set(&p))
        return RULE_BAD;
    from = p.word.offset;
    if (!parse_ipfw_probability(&p) || !ipfw_parse_action(&p) || !ipfw_parse_parameters(&p) ||
        !parse_ipfw_rest(&p) || !check_default_rule(&p, from) || !imply_tcp(&p, from) ||
        !check_call(&p, from) || !parser_keep_text(&p, from))
        return RULE_BAD;
    return RULE_OK;
}
