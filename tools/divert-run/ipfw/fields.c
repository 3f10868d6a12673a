/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the options of an ipfw rule that ask for fields of headers, and for users. */
#include "ipfw/private.h"

#include <grp.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The numbers that an option takes. */
struct limits {
    uint32_t max;
    bool ranges, list;
    const char *expected;
};

static struct limits limits_of(enum clause_kind kind)
{
    switch (kind) {
    case CLAUSE_IPLEN:
        return (struct limits){65535, true, true,
                               "a length in bytes, 0 to 65535, or a range 100-200"};
    case CLAUSE_IPTTL:
        return (struct limits){255, true, true, "a TTL from 0 to 255, or a range 1-5"};
    case CLAUSE_FLOWID:
        return (struct limits){0xfffff, false, true, "a flow label from 0 to 1048575"};
    case CLAUSE_IPPRECEDENCE:
        return (struct limits){7, false, false, "a precedence from 0 to 7"};
    case CLAUSE_TCPSEQ:
    case CLAUSE_TCPACK:
        return (struct limits){UINT32_MAX, false, false, "a number from 0 to 4294967295"};
    default:
        return (struct limits){65535, true, true, "a number from 0 to 65535, or a range 100-200"};
    }
}

static bool add_number(struct parser *p, const struct word *item, void *context)
{
    const struct limits *limits = context;
    struct rule_atom *atom = parser_add_atom(p, item);
    struct word copy = *item;
    char *dash = strchr(copy.s, '-');
    long long lo, hi;

    if (!atom)
        return false;
    if (dash)
        *dash++ = '\0';
    lo = name_to_number(copy.s, limits->max);
    hi = dash ? name_to_number(dash, limits->max) : lo;
    if (lo < 0 || hi < lo || (dash && !limits->ranges))
        return parser_fail_at(p, item->offset, item->length, "'%s': expected %s", item->s,
                              limits->expected);
    atom->range = (struct rule_range){(uint32_t)lo, (uint32_t)hi};
    return true;
}

bool ipfw_parse_numbers(struct parser *p, enum clause_kind kind, bool negated)
{
    struct limits limits = limits_of(kind);
    struct word first = p->word;

    if (parser_at_end(p))
        return parser_fail(p, "expected %s at the end of the rule", limits.expected);
    if (!parser_add_clause(p, kind, negated))
        return false;
    if (limits.list)
        return ipfw_lex_list(p, add_number, &limits);
    return add_number(p, &first, &limits) && ipfw_lex_next(p);
}

/* The first atom is reserved for the bits of the tags, see packet_tags.h. */
bool ipfw_parse_tagged(struct parser *p, enum clause_kind kind, bool negated)
{
    struct limits limits = {PACKET_TAG_MAX, true, true, "a tag from 1 to 65534, or a range 5-9"};

    if (parser_at_end(p))
        return parser_fail(p, "expected %s at the end of the rule", limits.expected);
    return parser_add_clause(p, kind, negated) && parser_add_atom(p, &p->word) &&
           ipfw_lex_list(p, add_number, &limits);
}

int ipfw_dscp_of(const char *name)
{
    static const struct {
        const char *name;
        int value;
    } classes[] = {{"be", 0}, {"va", 44}, {"ef", 46}};
    bool digits = name[0] && name[1] && name[2] >= '0' && name[2] <= '9';

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcasecmp(name, classes[i].name) == 0)
            return classes[i].value;
    }
    if (digits && strncasecmp(name, "cs", 2) == 0 && name[2] <= '7' && !name[3])
        return (name[2] - '0') * 8;
    if (digits && strncasecmp(name, "af", 2) == 0 && name[2] >= '1' && name[2] <= '4' &&
        name[3] >= '1' && name[3] <= '3' && !name[4])
        return (name[2] - '0') * 8 + (name[3] - '0') * 2;
    return (int)name_to_number(name, 63);
}

static bool add_dscp(struct parser *p, const struct word *item, void *context)
{
    struct rule_atom *atom = parser_add_atom(p, item);
    int value = ipfw_dscp_of(item->s);

    (void)context;
    if (!atom)
        return false;
    if (value < 0)
        return parser_fail_at(p, item->offset, item->length,
                              "'%s': expected a DSCP: " IPFW_DSCP_NAMES, item->s);
    atom->range = (struct rule_range){(uint32_t)value, (uint32_t)value};
    return true;
}

bool ipfw_parse_dscp(struct parser *p, enum clause_kind kind, bool negated)
{
    if (parser_at_end(p))
        return parser_fail(p, "expected a DSCP at the end of the rule");
    return parser_add_clause(p, kind, negated) && ipfw_lex_list(p, add_dscp, NULL);
}

static bool add_tos(struct parser *p, const struct word *item, void *context)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } bits[] = {{"lowdelay", IPTOS_LOWDELAY},
                {"throughput", IPTOS_THROUGHPUT},
                {"reliability", IPTOS_RELIABILITY},
                {"mincost", 0x02},
                {"congestion", 0x01}};
    struct rule_tcpflags *wanted = context;
    bool clear = item->s[0] == '!';

    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        if (strcasecmp(item->s + clear, bits[i].name) != 0)
            continue;
        wanted->mask |= bits[i].bit;
        wanted->value |= clear ? 0 : bits[i].bit;
        return true;
    }
    return parser_fail_at(p, item->offset, item->length,
                          "'%s': expected lowdelay, throughput, reliability, mincost or "
                          "congestion, with '!' before what must be off",
                          item->s);
}

bool ipfw_parse_tos(struct parser *p, enum clause_kind kind, bool negated)
{
    struct rule_tcpflags flags = {0};
    struct word first = p->word;
    struct rule_atom *atom;

    if (parser_at_end(p))
        return parser_fail(p, "expected a type of service at the end of the rule");
    if (!ipfw_lex_list(p, add_tos, &flags) || !parser_add_clause(p, kind, negated))
        return false;
    atom = parser_add_atom(p, &first);
    if (atom)
        atom->flags = flags;
    return atom;
}

/* All of the list must hold: a clause for each. */
static bool add_tcpoption(struct parser *p, const struct word *item, void *context)
{
    static const struct {
        const char *name;
        uint8_t number;
    } known[] = {{"mss", TCPOPT_MAXSEG},
                 {"window", TCPOPT_WINDOW},
                 {"sack", TCPOPT_SACK_PERMITTED},
                 {"ts", TCPOPT_TIMESTAMP}};
    const bool *negated = context;
    bool missing = item->s[0] == '!';
    struct rule_atom *atom;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcasecmp(item->s + missing, known[i].name) != 0)
            continue;
        if (!parser_add_clause(p, CLAUSE_TCPOPTION, missing != *negated))
            return false;
        atom = parser_add_atom(p, item);
        if (atom)
            atom->range.lo = atom->range.hi = known[i].number;
        return atom;
    }
    return parser_fail_at(p, item->offset, item->length,
                          "'%s': expected a TCP option: mss, window, sack or ts, with '!' before "
                          "one that must be missing",
                          item->s);
}

bool ipfw_parse_tcpoptions(struct parser *p, enum clause_kind kind, bool negated)
{
    (void)kind;
    if (parser_at_end(p))
        return parser_fail(p, "expected TCP options at the end of the rule");
    if (negated && strchr(p->word.s, ','))
        return parser_fail(p, "'%s': expected one option after 'not tcpoptions'", p->word.s);
    return ipfw_lex_list(p, add_tcpoption, &negated);
}

static long long id_of(enum clause_kind kind, const char *name)
{
    const struct passwd *user = kind == CLAUSE_UID ? getpwnam(name) : NULL;
    const struct group *group = kind == CLAUSE_GID ? getgrnam(name) : NULL;

    if (user)
        return user->pw_uid;
    return group ? (long long)group->gr_gid : name_to_number(name, UINT32_MAX - 1);
}

bool ipfw_parse_owner(struct parser *p, enum clause_kind kind, bool negated)
{
    const char *what = kind == CLAUSE_UID ? "user" : "group";
    long long id = id_of(kind, p->word.s);

    if (parser_at_end(p))
        return parser_fail(p, "expected a %s at the end of the rule", what);
    if (id < 0)
        return parser_fail(p, "'%s': expected a %s of this host, or its number", p->word.s, what);
    return ipfw_add_number(p, kind, negated, (uint32_t)id);
}

bool ipfw_parse_prob(struct parser *p)
{
    char *end;
    double probability = strtod(p->word.s, &end);

    if (parser_at_end(p))
        return parser_fail(p, "expected a probability at the end of the rule");
    if (*end || end == p->word.s || !(probability > 0 && probability <= 1))
        return parser_fail(p, "'%s': expected a probability above 0, up to 1", p->word.s);
    return ipfw_add_number(p, CLAUSE_PROB, false, (uint32_t)(probability * RULE_PROB_ONE));
}
