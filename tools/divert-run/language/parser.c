/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds a rule and its error message, for the parsers of both languages. */
#include "language/parser.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *parser_interface_name(const char *name)
{
    return strcmp(name, "lo0") == 0 ? "lo" : name;
}

bool parser_at_end(const struct parser *p)
{
    return p->word.length == 0;
}

static bool parser_vfail(struct parser *p, size_t offset, size_t length, const char *fmt,
                         va_list ap)
{
    p->error->offset = offset;
    p->error->length = length;
    vsnprintf(p->error->message, sizeof(p->error->message), fmt, ap);
    return false;
}

bool parser_fail_at(struct parser *p, size_t offset, size_t length, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    parser_vfail(p, offset, length, fmt, ap);
    va_end(ap);
    return false;
}

bool parser_fail(struct parser *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    parser_vfail(p, p->word.offset, p->word.length, fmt, ap);
    va_end(ap);
    return false;
}

struct rule_clause *parser_add_clause(struct parser *p, enum clause_kind kind, bool negated)
{
    struct rule *rule = p->rule;
    struct rule_clause *clause = &rule->clauses[rule->clause_count];

    if (rule->clause_count == RULE_CLAUSES_MAX) {
        parser_fail(p, "'%s': a rule has at most %d conditions", p->word.s, RULE_CLAUSES_MAX);
        return NULL;
    }
    rule->clause_count++;
    *clause = (struct rule_clause){.kind = kind, .negated = negated, .first = rule->atom_count};
    return clause;
}

struct rule_atom *parser_add_atom(struct parser *p, const struct word *item)
{
    struct rule *rule = p->rule;
    struct rule_atom *atom = &rule->atoms[rule->atom_count];

    if (rule->atom_count == RULE_ATOMS_MAX) {
        parser_fail_at(p, item->offset, item->length, "'%s': a rule lists at most %d things",
                       item->s, RULE_ATOMS_MAX);
        return NULL;
    }
    rule->atom_count++;
    rule->clauses[rule->clause_count - 1].count++;
    memset(atom, 0, sizeof(*atom));
    return atom;
}

bool parser_keep_text(struct parser *p, size_t from)
{
    size_t end = p->word.offset, length = 0;

    if (end - from >= RULE_TEXT_MAX)
        return parser_fail(p, "the rule is longer than %d characters", RULE_TEXT_MAX - 1);
    for (size_t i = from; i < end; i++) {
        bool blank = (unsigned char)p->text[i] <= ' ';

        if (!blank || (length && p->rule->text[length - 1] != ' '))
            p->rule->text[length++] = blank ? ' ' : p->text[i];
    }
    while (length && p->rule->text[length - 1] == ' ')
        length--;
    p->rule->text[length] = '\0';
    return true;
}

bool parser_divert_port(struct parser *p, unsigned *out)
{
    int port = name_to_port(p->word.s, "divert");

    if (parser_at_end(p))
        return parser_fail(p, "expected a divert port at the end of the rule");
    if (port < 0)
        port = name_to_port(p->word.s, NULL);
    if (port < 1 && (isdigit((unsigned char)p->word.s[0]) || p->word.s[0] == '-'))
        return parser_fail(p, "'%s': a divert port is a number from 1 to 65535", p->word.s);
    if (port < 1)
        return parser_fail(p, "'%s': expected a divert port: 1 to 65535 or a name of /etc/services",
                           p->word.s);
    *out = (unsigned)port;
    return true;
}

bool parser_read_divert_port(struct parser *p)
{
    return parser_divert_port(p, &p->rule->argument);
}
