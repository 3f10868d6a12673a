/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Or-blocks: a rule with { A or B }, or ( A or B ), stands for one rule with A and one with B after
 * it, of the same number. What is not chosen is overwritten with blanks, so that error positions in
 * the text stay valid.
 */
#include "ipfw/alternatives.h"

#include "ipfw/private.h"

#include <string.h>
#include <strings.h>

/* Does a word begin here? */
static bool begins_word(const char *text, size_t at)
{
    return !ipfw_is_blank(text[at]) && (at == 0 || ipfw_is_blank(text[at - 1]));
}

static bool begins_comment(const char *text, size_t at)
{
    return begins_word(text, at) && (text[at] == '#' || strncmp(text + at, "//", 2) == 0);
}

static bool is_or(const char *text, size_t at)
{
    return begins_word(text, at) && strncasecmp(text + at, "or", 2) == 0 &&
           (!text[at + 2] || ipfw_is_blank(text[at + 2]));
}

static bool is_blank_between(const char *text, size_t from, size_t to)
{
    while (from < to && ipfw_is_blank(text[from]))
        from++;
    return from == to;
}

/* Adds one alternative of the newest block. */
static bool add_alternative(struct alternatives *a, const char *text, size_t from, size_t to,
                            struct parser *p)
{
    struct or_block *block = &a->blocks[a->count - 1];

    if (is_blank_between(text, from, to))
        return parser_fail_at(p, from, to - from,
                              "'{ }': expected something on both sides of 'or'");
    if (block->count == ALTERNATIVES_MAX)
        return parser_fail_at(p, from, to - from, "a block in braces has at most 32 alternatives");
    block->from[block->count] = from;
    block->to[block->count++] = to;
    return true;
}

static bool begins_block(const char *text, size_t at)
{
    return (text[at] == '{' || text[at] == '(') && begins_word(text, at);
}

/*
 * Reads the alternatives from FROM to the end of the block. Returns the offset of its end, or 0
 * after an error. Braces within a word belong to that word: 10.0.0.0/24{1,5}, table(1).
 */
static size_t read_alternatives(struct alternatives *a, const char *text, size_t from, char end,
                                struct parser *p)
{
    unsigned depth = 0;
    size_t i;

    for (i = from; text[i] && (text[i] != end || depth) && !begins_comment(text, i); i++) {
        if (begins_block(text, i) || (i == from && strchr("{(", text[i]))) {
            parser_fail_at(p, i, 1, "'%c': no braces within braces", text[i]);
            return 0;
        }
        depth += text[i] == '{' || text[i] == '(';
        depth -= depth && (text[i] == '}' || text[i] == ')');
        if (!is_or(text, i))
            continue;
        if (!add_alternative(a, text, from, i, p))
            return 0;
        from = i + 2;
    }
    if (text[i] != end)
        return 0;
    return add_alternative(a, text, from, i, p) ? i : 0;
}

/* Reads the block that begins at AT. Returns the offset behind it, or 0 after an error. */
static size_t read_block(struct alternatives *a, const char *text, size_t at, struct parser *p)
{
    char end = text[at] == '{' ? '}' : ')';
    size_t i;

    if (a->count == BLOCKS_MAX) {
        parser_fail_at(p, at, 1, "'%c': a rule has at most 8 blocks in braces", text[at]);
        return 0;
    }
    a->blocks[a->count++] = (struct or_block){.begin = at};
    parser_fail_at(p, at, 1, "'%c': expected '%c' to close it", text[at], end);
    i = read_alternatives(a, text, at + 1, end, p);
    if (i)
        a->blocks[a->count - 1].end = ++i;
    return i;
}

bool alternatives_read(const char *text, struct alternatives *a, struct rule_error *error)
{
    struct parser parser = {.text = text, .error = error}, *p = &parser;

    a->count = 0;
    a->rules = 1;
    for (size_t i = 0; text[i] && !begins_comment(text, i); i++) {
        if (!begins_block(text, i))
            continue;
        i = read_block(a, text, i, p);
        if (!i)
            return false;
        a->rules *= a->blocks[a->count - 1].count;
        if (a->rules > ALTERNATIVES_MAX)
            return parser_fail_at(
                p, a->blocks[0].begin, 1,
                "'{': the rule stands for more than 32; write fewer alternatives");
        i--;
    }
    return true;
}

static void blank_out(char *text, size_t from, size_t to)
{
    memset(text + from, ' ', to - from);
}

void alternatives_choose(const struct alternatives *a, unsigned number, char *text)
{
    for (size_t i = a->count; i-- > 0;) {
        const struct or_block *block = &a->blocks[i];
        unsigned chosen = number % block->count;

        number /= block->count;
        blank_out(text, block->begin, block->from[chosen]);
        blank_out(text, block->to[chosen], block->end);
    }
}
