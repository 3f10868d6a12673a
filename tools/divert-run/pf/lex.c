/* SPDX-License-Identifier: BSD-2-Clause */
/* Cuts a pf rule into words. */
#include "pf/private.h"

#include <ctype.h>
#include <string.h>

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

static bool pf_lex_from(struct pf_parser *pp, size_t from)
{
    struct parser *p = &pp->p;
    struct word *word = &p->word;

    while (isspace((unsigned char)p->text[from]))
        from++;
    word->offset = from;
    word->length = pf_word_length(p->text + from);
    if (word->length >= sizeof(word->s))
        return parser_fail(p, "a word of %zu characters is too long", word->length);
    memcpy(word->s, p->text + from, word->length);
    word->s[word->length] = '\0';
    if (word->s[0] == '"')
        return parser_fail(p, "'%s': expected no quotation marks", word->s);
    if (word->s[0] == '$')
        return parser_fail(p, "'%s': macros are not supported; write what it stands for", word->s);
    if (strcmp(word->s, "\\") == 0)
        return parser_fail(p, "'\\': a rule is one line here");
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
    return strcmp(pp->p.word.s, keyword) == 0;
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
    return pp->p.word.length && strchr(marks, pp->p.word.s[0]);
}

bool pf_lex_list(struct pf_parser *pp, pf_item *item, enum clause_kind kind)
{
    bool comma = false;

    if (!pf_lex_at(pp, "{"))
        return item(pp, kind);
    if (!pf_lex_next(pp))
        return false;
    do {
        if (pf_lex_at(pp, "}") || pf_lex_at(pp, ","))
            return parser_fail(&pp->p, "'%s': expected something before it", pp->p.word.s);
        if (!item(pp, kind) || !pf_lex_skip(pp, ",", &comma))
            return false;
        if (parser_at_end(&pp->p))
            return parser_fail(&pp->p, "expected '}' at the end of the rule");
    } while (comma || !pf_lex_at(pp, "}"));
    return pf_lex_next(pp);
}
