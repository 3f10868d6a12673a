/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the options of an ipfw rule that ask for IP options, extension headers and fragments. */
#include "ipfw/private.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <strings.h>

struct named_number {
    const char *name;
    unsigned number;
};

/* The number of a name, or -1. */
static int number_of_name(const struct named_number *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(name, names[i].name) == 0)
            return (int)names[i].number;
    }
    return -1;
}

static const struct named_number fragment_bits[] = {
    {"rf", FRAGMENT_RF}, {"df", FRAGMENT_DF}, {"mf", FRAGMENT_MF}, {"offset", FRAGMENT_OFFSET}};

static int fragment_bit(const char *name)
{
    return number_of_name(fragment_bits, sizeof(fragment_bits) / sizeof(*fragment_bits), name);
}

static bool add_fragment_bit(struct parser *p, const struct word *item, void *context)
{
    struct rule_tcpflags *wanted = context;
    bool clear = item->s[0] == '!';
    int bit = fragment_bit(item->s + clear);

    if (bit < 0)
        return parser_fail_at(p, item->offset, item->length,
                              "'%s': expected df, mf, rf or offset, with '!' before what must be "
                              "off",
                              item->s);
    wanted->mask |= (uint8_t)bit;
    wanted->value |= clear ? 0 : (uint8_t)bit;
    return true;
}

/* Without a list it matches any fragment but the first. */
bool ipfw_parse_frag(struct parser *p, enum clause_kind kind, bool negated)
{
    struct rule_tcpflags flags = {0};
    struct word first;
    struct rule_atom *atom;
    char name[sizeof(first.s)];

    if (!ipfw_lex_next(p))
        return false;
    first = p->word;
    strcpy(name, first.s + (first.s[0] == '!'));
    name[strcspn(name, ",")] = '\0';
    if (fragment_bit(name) < 0)
        return parser_add_clause(p, kind, negated);
    if (!ipfw_lex_list(p, add_fragment_bit, &flags) ||
        !parser_add_clause(p, CLAUSE_FRAGFLAGS, negated))
        return false;
    atom = parser_add_atom(p, &first);
    if (atom)
        atom->flags = flags;
    return atom;
}

/* All of the list must hold: a clause for each. */
static bool add_ip_option(struct parser *p, const struct word *item, void *context)
{
    static const struct named_number known[] = {
        {"ssrr", IPOPT_SSRR}, {"lsrr", IPOPT_LSRR}, {"rr", IPOPT_RR}};
    const bool *negated = context;
    bool missing = item->s[0] == '!';
    int number = number_of_name(known, sizeof(known) / sizeof(*known), item->s + missing);
    struct rule_atom *atom;

    if (strcasecmp(item->s + missing, "ts") == 0)
        return parser_fail_at(p, item->offset, item->length,
                              "'%s': netfilter cannot match the timestamp option", item->s);
    if (number < 0)
        return parser_fail_at(p, item->offset, item->length,
                              "'%s': expected an IP option: ssrr, lsrr or rr, with '!' before one "
                              "that must be missing",
                              item->s);
    if (!parser_add_clause(p, CLAUSE_IPOPTION, missing != *negated))
        return false;
    atom = parser_add_atom(p, item);
    if (atom)
        atom->range.lo = atom->range.hi = (uint32_t)number;
    return atom;
}

bool ipfw_parse_ipoptions(struct parser *p, bool negated)
{
    if (parser_at_end(p))
        return parser_fail(p, "expected IP options at the end of the rule");
    if (negated && strchr(p->word.s, ','))
        return parser_fail(p, "'%s': expected one option after 'not ipoptions'", p->word.s);
    return ipfw_lex_list(p, add_ip_option, &negated);
}

static bool add_extension(struct parser *p, const struct word *item, void *context)
{
    static const struct named_number known[] = {
        {"frag", EXTENSION_FRAG},     {"hopopt", EXTENSION_HOPOPT}, {"route", EXTENSION_ROUTE},
        {"dstopt", EXTENSION_DSTOPT}, {"ah", EXTENSION_AH},         {"esp", EXTENSION_ESP},
        {"rthdr0", EXTENSION_RTHDR0}, {"rthdr2", EXTENSION_RTHDR2}};
    int number = number_of_name(known, sizeof(known) / sizeof(*known), item->s);
    struct rule_atom *atom = parser_add_atom(p, item);

    (void)context;
    if (!atom)
        return false;
    if (number < 0)
        return parser_fail_at(p, item->offset, item->length,
                              "'%s': expected an extension header: frag, hopopt, route, dstopt, "
                              "ah, esp, rthdr0 or rthdr2",
                              item->s);
    atom->range.lo = atom->range.hi = (uint32_t)number;
    return true;
}

bool ipfw_parse_ext6hdr(struct parser *p, enum clause_kind kind, bool negated)
{
    if (parser_at_end(p))
        return parser_fail(p, "expected extension headers at the end of the rule");
    return parser_add_clause(p, kind, negated) && ipfw_lex_list(p, add_extension, NULL);
}
