/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads words about tables: names, types, keys and values. */
#include "ipfw/table_words.h"

#include "ipfw/private.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const valtype_names[IPFW_VALUES] = {
    [VALUE_SKIPTO] = "skipto", [VALUE_PIPE] = "pipe",         [VALUE_FIB] = "fib",
    [VALUE_NAT] = "nat",       [VALUE_DSCP] = "dscp",         [VALUE_TAG] = "tag",
    [VALUE_DIVERT] = "divert", [VALUE_NETGRAPH] = "netgraph", [VALUE_LIMIT] = "limit",
    [VALUE_IPV4] = "ipv4",     [VALUE_IPV6] = "ipv6",         [VALUE_MARK] = "mark",
};

bool table_name_ok(const char *name)
{
    size_t length = strlen(name);

    for (const char *s = name; *s; s++) {
        if (!isalnum((unsigned char)*s) && !strchr("_-.", *s))
            return false;
    }
    return length > 0 && length < RULE_TABLE_NAME;
}

bool table_read_name(struct parser *p, char name[RULE_TABLE_NAME])
{
    if (parser_at_end(p))
        return parser_fail(p, "expected the name or the number of a table at the end");
    if (!table_name_ok(p->word.s))
        return parser_fail(p,
                           "'%s': expected the name of a table: at most %d letters, digits, '_', "
                           "'-' and '.'",
                           p->word.s, RULE_TABLE_NAME - 1);
    strcpy(name, p->word.s);
    return ipfw_lex_next(p);
}

bool table_read_type(struct parser *p, enum ipfw_table_type *type)
{
    for (int i = TABLE_ADDR; i <= TABLE_NUMBER; i++) {
        if (!ipfw_lex_at(p, table_type_name((enum ipfw_table_type)i)))
            continue;
        *type = (enum ipfw_table_type)i;
        return ipfw_lex_next(p);
    }
    if (strncasecmp(p->word.s, "flow", 4) == 0)
        return parser_fail(p,
                           "'%s': flow tables are not supported; write a rule for each flow, or a "
                           "table of addresses and a rule with the ports",
                           p->word.s);
    if (ipfw_lex_at(p, "mac"))
        return parser_fail(p, "'mac': rules here see no link layer; nft's family bridge does");
    return parser_fail(p, "'%s': expected the type of a table: addr, iface or number", p->word.s);
}

static bool add_valtype(struct parser *p, const struct word *item, void *context)
{
    uint32_t *valtypes = context;

    if (strcasecmp(item->s, "legacy") == 0)
        return true;
    for (unsigned i = 0; i < IPFW_VALUES; i++) {
        if (strcasecmp(item->s, valtype_names[i]) != 0)
            continue;
        *valtypes |= 1u << i;
        return true;
    }
    return parser_fail_at(p, item->offset, item->length,
                          "'%s': expected what the values are for: legacy, divert, skipto, tag ...",
                          item->s);
}

bool table_read_valtypes(struct parser *p, uint32_t *valtypes)
{
    if (parser_at_end(p))
        return parser_fail(p, "expected a list of types at the end");
    return ipfw_lex_list(p, add_valtype, valtypes);
}

/* Decimal, or hexadecimal behind 0x. */
static bool read_table_number(const char *s, uint32_t *value)
{
    unsigned long number;
    char *end;

    errno = 0;
    number = strtoul(s, &end, strncasecmp(s, "0x", 2) == 0 ? 16 : 10);
    *value = (uint32_t)number;
    return isdigit((unsigned char)*s) && !*end && !errno && number <= UINT32_MAX;
}

enum ipfw_table_type table_guess_type(const struct parser *p)
{
    struct word copy = p->word;
    struct rule_addr addr = {0};
    bool bad_mask = false;
    uint32_t number;

    if (parser_read_network(copy.s, &addr, &bad_mask) || bad_mask)
        return TABLE_ADDR;
    if (read_table_number(p->word.s, &number))
        return TABLE_NUMBER;
    return strpbrk(p->word.s, ".:/") ? TABLE_ADDR : TABLE_IFACE;
}

static bool read_address_key(struct parser *p, struct rule_addr *addr)
{
    struct word copy = p->word;
    bool bad_mask = false;

    if (parser_read_network(copy.s, addr, &bad_mask))
        return true;
    if (bad_mask)
        return parser_fail(p, "'%s': expected a prefix length after the address", p->word.s);
    return parser_fail(p, "'%s': expected an address: a.b.c.d[/len] or IPv6[/len] (no host names)",
                       p->word.s);
}

/* Uses the parser for interfaces in rules. */
static bool read_interface_key(struct parser *p, struct rule_atom *key)
{
    struct rule *rule = grow_array(NULL, 1, sizeof(*rule));
    struct parser copy = *p;
    bool ok;

    memset(rule, 0, sizeof(*rule));
    copy.rule = rule;
    if (strchr(p->word.s, '*') || strchr(p->word.s, '(') || ipfw_lex_at(p, "any"))
        ok = parser_fail(p, "'%s': a table of interfaces holds whole names", p->word.s);
    else
        ok = ipfw_parse_interface(&copy, CLAUSE_VIA, false);
    if (ok)
        memcpy(key, &rule->atoms[0], sizeof(*key));
    free(rule);
    return ok;
}

bool table_read_key(struct parser *p, enum ipfw_table_type type, struct rule_atom *key)
{
    bool ok = true;

    memset(key, 0, sizeof(*key));
    switch (type) {
    case TABLE_ADDR:
        ok = read_address_key(p, &key->addr);
        break;
    case TABLE_IFACE:
        ok = read_interface_key(p, key);
        break;
    case TABLE_NUMBER:
        ok = read_table_number(p->word.s, &key->range.lo) ||
             parser_fail(p, "'%s': expected a number", p->word.s);
        key->range.hi = key->range.lo;
        break;
    }
    return ok && ipfw_lex_next(p);
}

bool table_read_value(const char *s, uint32_t *value)
{
    struct in_addr address;

    if (read_table_number(s, value))
        return true;
    if (inet_pton(AF_INET, s, &address) != 1)
        return false;
    *value = ntohl(address.s_addr);
    return true;
}

static bool fail_at_value(struct parser *p, const char *value)
{
    return parser_fail(p, "'%s': expected a number or an IPv4 address as value", value);
}

/* "5,8668": as many as the table has types of values. */
static bool read_typed_values(struct parser *p, uint32_t valtypes, uint32_t *values)
{
    struct word copy = p->word;
    char *rest = copy.s, *one;

    for (unsigned i = 0; i < IPFW_VALUES; i++) {
        if (!(valtypes >> i & 1))
            continue;
        one = strsep(&rest, ",");
        if (!one)
            return parser_fail(p, "'%s': expected more values, with commas between them",
                               p->word.s);
        if (i != VALUE_IPV6 && !table_read_value(one, &values[i]))
            return fail_at_value(p, one);
    }
    return !rest || parser_fail(p, "'%s': the table has fewer types of values", p->word.s);
}

bool table_read_values(struct parser *p, uint32_t valtypes, uint32_t *values)
{
    uint32_t value;

    if (valtypes)
        return read_typed_values(p, valtypes, values) && ipfw_lex_next(p);
    if (!table_read_value(p->word.s, &value))
        return fail_at_value(p, p->word.s);
    for (unsigned i = 0; i < IPFW_VALUES; i++)
        values[i] = value;
    return ipfw_lex_next(p);
}
