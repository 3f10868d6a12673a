/* SPDX-License-Identifier: BSD-2-Clause */
/* Splits an ipfw rule into words and comma lists. */
#include "ipfw/private.h"

#include <string.h>
#include <strings.h>

bool ipfw_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

/* False: the word is too long. */
static bool ipfw_read_word(const char *text, size_t from, struct word *word)
{
    size_t end;

    while (ipfw_is_blank(text[from]))
        from++;
    for (end = from; text[end] && !ipfw_is_blank(text[end]); end++)
        ;
    if (text[from] == '#' || strncmp(text + from, "//", 2) == 0)
        end = from;
    word->offset = from;
    word->length = end - from;
    if (word->length >= sizeof(word->s))
        return false;
    memcpy(word->s, text + from, word->length);
    word->s[word->length] = '\0';
    return true;
}

static bool ipfw_lex_from(struct parser *p, size_t from)
{
    if (ipfw_read_word(p->text, from, &p->word))
        return true;
    return parser_fail(p, "a word of %zu characters is too long", p->word.length);
}

bool ipfw_lex_start(struct parser *p, const char *text)
{
    p->text = text;
    return ipfw_lex_from(p, 0);
}

bool ipfw_lex_next(struct parser *p)
{
    return ipfw_lex_from(p, p->word.offset + p->word.length);
}

bool ipfw_lex_peek(const struct parser *p, struct word *word)
{
    return ipfw_read_word(p->text, p->word.offset + p->word.length, word);
}

bool ipfw_lex_at(const struct parser *p, const char *keyword)
{
    return strcasecmp(p->word.s, keyword) == 0;
}

void ipfw_drop_escapes(char *s)
{
    char *to = s;

    for (; *s; s++) {
        if (*s != '\\' || !s[1])
            *to++ = *s;
    }
    *to = '\0';
}

bool ipfw_lex_in(const struct word *word, const char *const *keywords)
{
    for (; *keywords; keywords++) {
        if (strcasecmp(word->s, *keywords) == 0)
            return true;
    }
    return false;
}

/* Splits the current word at its commas. */
static bool split_word_at_commas(struct parser *p, ipfw_lex_item *add, void *context)
{
    struct word item;
    size_t from = p->word.s[0] == ',';

    while (from < p->word.length) {
        item.length = strcspn(p->word.s + from, ",");
        item.offset = p->word.offset + from;
        if (!item.length)
            return parser_fail(p, "'%s': nothing between two commas", p->word.s);
        memcpy(item.s, p->word.s + from, item.length);
        item.s[item.length] = '\0';
        if (!add(p, &item, context))
            return false;
        from += item.length + 1;
    }
    return true;
}

bool ipfw_lex_list(struct parser *p, ipfw_lex_item *add, void *context)
{
    bool comma;
    struct word next;

    if (p->word.s[0] == ',')
        return parser_fail(p, "'%s': nothing before the comma", p->word.s);
    do {
        if (!split_word_at_commas(p, add, context))
            return false;
        comma = p->word.s[p->word.length - 1] == ',';
        if (!ipfw_lex_peek(p, &next))
            return ipfw_lex_next(p); /* reports that the word is too long */
        if (comma && (!next.length || next.s[0] == ','))
            return parser_fail(p, "'%s': nothing after the comma", p->word.s);
        comma = comma || next.s[0] == ',';
        if (!ipfw_lex_next(p))
            return false;
    } while (comma);
    return true;
}
