/* SPDX-License-Identifier: BSD-2-Clause */
/* Splits a statement of pf into words. */
#include "pf/private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 16

static const char marks[] = "{}(),=!<>";

static size_t pf_operator_length(const char *s)
{
    static const char *const pairs[] = {"!=", "<=", ">=", "<>", "><"};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        if (strncmp(s, pairs[i], 2) == 0)
            return 2;
    }
    return 1;
}

static size_t pf_word_length(const char *s)
{
    size_t length = 0;

    if (*s && strchr(marks, *s))
        return pf_operator_length(s);
    while (s[length] && !isspace((unsigned char)s[length]) && s[length] != '#' &&
           !strchr(marks, s[length]))
        length++;
    return length;
}

static bool keep_word(struct pf_parser *pp, const char *s, size_t length)
{
    struct word *word = &pp->p.word;

    if (length >= sizeof(word->s)) {
        word->s[0] = '\0';
        return parser_fail(&pp->p, "a word of %zu characters is too long", length);
    }
    memcpy(word->s, s, length);
    word->s[length] = '\0';
    return true;
}

static bool read_quoted(struct pf_parser *pp, const char *s)
{
    const char *end = strchr(s + 1, *s);

    if (!end) {
        pp->p.word.length = 1;
        return parser_fail(&pp->p, "the quotation mark is not closed");
    }
    pp->quoted = true;
    pp->p.word.length = (size_t)(end - s) + 1;
    return keep_word(pp, s + 1, (size_t)(end - s) - 1);
}

static bool pf_lex_from(struct pf_parser *pp, size_t from)
{
    struct parser *p = &pp->p;
    struct word *word = &p->word;
    const char *s;

    while (isspace((unsigned char)p->text[from]))
        from++;
    s = p->text + from;
    word->offset = from;
    pp->quoted = false;
    if (*s == '"' || *s == '\'')
        return read_quoted(pp, s);
    word->length = pf_word_length(s);
    if (!keep_word(pp, s, word->length))
        return false;
    if (word->s[0] == '$')
        return parser_fail(p, "'%s': this macro is not defined", word->s);
    if (word->s[0] == '\\')
        return parser_fail(p, "'\\': joins lines only if it is the last character of its line");
    return true;
}

bool pf_lex_start(struct pf_parser *pp, const char *text)
{
    pp->p.text = text;
    return pf_lex_from(pp, 0);
}

bool pf_lex_next(struct pf_parser *pp)
{
    return pf_lex_from(pp, pp->p.word.offset + pp->p.word.length);
}

bool pf_lex_at(const struct pf_parser *pp, const char *keyword)
{
    return !pp->quoted && strcmp(pp->p.word.s, keyword) == 0;
}

bool pf_lex_skip(struct pf_parser *pp, const char *keyword, bool *found)
{
    *found = pf_lex_at(pp, keyword);
    return !*found || pf_lex_next(pp);
}

bool pf_lex_expect(struct pf_parser *pp, const char *keyword)
{
    if (pf_lex_at(pp, keyword))
        return pf_lex_next(pp);
    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected '%s' at the end of the rule", keyword);
    return parser_fail(&pp->p, "'%s': expected '%s'", pp->p.word.s, keyword);
}

bool pf_lex_skip_brackets(struct pf_parser *pp)
{
    int depth = 0;

    do {
        depth += pf_lex_at(pp, "(") || pf_lex_at(pp, "{");
        depth -= pf_lex_at(pp, ")") || pf_lex_at(pp, "}");
        if (parser_at_end(&pp->p))
            return parser_fail(&pp->p, "the bracket is not closed at the end of the rule");
        if (!pf_lex_next(pp))
            return false;
    } while (depth > 0);
    return true;
}

bool pf_lex_in(const struct pf_parser *pp, const char *const *keywords)
{
    for (; *keywords; keywords++) {
        if (pf_lex_at(pp, *keywords))
            return true;
    }
    return false;
}

bool pf_lex_is_mark(const struct pf_parser *pp)
{
    return pp->p.word.length && !pp->quoted && pp->p.word.s[0] && strchr(marks, pp->p.word.s[0]);
}

bool pf_lex_word(struct pf_parser *pp, const char *what, char **word)
{
    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected %s at the end of the rule", what);
    if (pf_lex_is_mark(pp))
        return parser_fail(&pp->p, "'%s': expected %s", pp->p.word.s, what);
    *word = copy_string(pp->p.word.s);
    if (pf_lex_next(pp))
        return true;
    free(*word);
    *word = NULL;
    return false;
}

bool pf_lex_list(struct pf_parser *pp, pf_item_parser *item)
{
    bool comma = false;

    if (!pf_lex_at(pp, "{"))
        return item(pp);
    if (++pp->nesting > NESTING_MAX)
        return parser_fail(&pp->p, "lists are nested too deeply");
    if (!pf_lex_next(pp))
        return false;
    do {
        if (pf_lex_at(pp, "}") || pf_lex_at(pp, ","))
            return parser_fail(&pp->p, "'%s': expected something before it", pp->p.word.s);
        if (!pf_lex_list(pp, item) || !pf_lex_skip(pp, ",", &comma))
            return false;
        if (parser_at_end(&pp->p))
            return parser_fail(&pp->p, "expected '}' at the end of the rule");
    } while (comma || !pf_lex_at(pp, "}"));
    pp->nesting--;
    return pf_lex_next(pp);
}
