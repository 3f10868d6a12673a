/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses the tables in a rule: table(NAME), table(NAME,VALUE), lookup FIELD NAME. */
#include "ipfw/private.h"
#include "ipfw/table_words.h"

#include <string.h>
#include <strings.h>

/* Adds a clause about a table, and goes on to the next word. */
static bool add_table_clause(struct parser *p, enum clause_kind kind, bool negated,
                             const struct rule_table *table)
{
    struct rule *rule = p->rule;
    struct rule_clause *clause = parser_add_clause(p, kind, negated);

    if (!clause)
        return false;
    if (rule->table_count == RULE_TABLES_MAX)
        return parser_fail(p, "'%s': a rule names at most %d tables", p->word.s, RULE_TABLES_MAX);
    rule->tables[rule->table_count++] = *table;
    clause->table = rule->table_count;
    return ipfw_lex_next(p);
}

bool ipfw_at_table(const struct parser *p)
{
    return strncasecmp(p->word.s, "table(", 6) == 0 || strncasecmp(p->word.s, "table\\(", 7) == 0;
}

bool ipfw_parse_table(struct parser *p, enum clause_kind kind, bool negated)
{
    struct word word = p->word;
    struct rule_table table = {0};
    char *name, *value, *end;

    ipfw_drop_escapes(word.s);
    name = word.s + strlen("table(");
    end = strchr(name, ')');
    if (!end || end[1])
        return parser_fail(p, "'%s': expected table(NAME) or table(NAME,VALUE)", p->word.s);
    *end = '\0';
    value = strchr(name, ',');
    if (value)
        *value++ = '\0';
    if (!table_name_ok(name))
        return parser_fail(p, "'%s': expected the name or the number of a table in parentheses",
                           p->word.s);
    if (value && !table_read_value(value, &table.value))
        return parser_fail(p, "'%s': expected a number or an IPv4 address after the comma",
                           p->word.s);
    table.has_value = value != NULL;
    strcpy(table.name, name);
    return add_table_clause(p, kind, negated, &table);
}

bool ipfw_parse_lookup(struct parser *p, enum clause_kind kind, bool negated)
{
    static const struct {
        const char *name;
        enum clause_kind kind;
    } fields[] = {
        {"dst-ip", CLAUSE_DST},     {"src-ip", CLAUSE_SRC}, {"dst-port", CLAUSE_DPORT},
        {"src-port", CLAUSE_SPORT}, {"uid", CLAUSE_UID},    {"dscp", CLAUSE_DSCP},
    };
    struct rule_table table = {0};
    const char *field = NULL;

    (void)kind;
    if (!ipfw_lex_next(p))
        return false;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        if (!ipfw_lex_at(p, fields[i].name))
            continue;
        field = fields[i].name;
        kind = fields[i].kind;
    }
    if (!field)
        return parser_fail(p, "'%s': expected dst-ip, src-ip, dst-port, src-port, uid or dscp",
                           p->word.s);
    if ((kind == CLAUSE_SPORT || kind == CLAUSE_DPORT) &&
        !ipfw_proto_has_ports(rule_proto(p->rule)))
        return parser_fail(p, "'%s': the protocol of this rule has no ports", p->word.s);
    if (!ipfw_lex_next(p))
        return false;
    if (!table_name_ok(p->word.s))
        return parser_fail(p, "'%s': expected the name or the number of a table after '%s'",
                           p->word.s, field);
    strcpy(table.name, p->word.s);
    return add_table_clause(p, kind, negated, &table);
}
