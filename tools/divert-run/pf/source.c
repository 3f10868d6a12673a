/* SPDX-License-Identifier: BSD-2-Clause */
/* Splits a pf file into statements. */
#include "pf/private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool source_fail(struct rule_error *error, size_t offset, size_t length, const char *message)
{
    error->offset = offset;
    error->length = length;
    snprintf(error->message, sizeof(error->message), "%s", message);
    return false;
}

/* "\" at the end of a line joins it with the next one. Returns its length, or 0. */
static size_t continuation_length(const char *s)
{
    if (s[0] != '\\')
        return 0;
    return s[1] == '\n' ? 2 : s[1] == '\r' && s[2] == '\n' ? 3 : 0;
}

/* Where a comment ends. A "\" at the end of its line continues it, too. */
static const char *comment_end(const char *s, unsigned *line)
{
    while (*s && *s != '\n') {
        size_t joined = continuation_length(s);

        *line += joined != 0;
        s += joined ? joined : 1;
    }
    return s;
}

/* Copies a quoted string, which may have several lines, with its quotation marks. Returns where it
 * ends, or NULL if it does not. */
static const char *copy_quoted(const char *s, unsigned *line, struct text *out)
{
    char mark = *s;

    if (!strchr(s + 1, mark))
        return NULL;
    do {
        size_t joined = continuation_length(s);

        *line += joined || *s == '\n';
        text_add_bytes(out, joined || *s == '\n' || *s == '\r' ? " " : s, 1);
        s += joined ? joined : 1;
    } while (*s != mark);
    text_add_bytes(out, s, 1);
    return s + 1;
}

static bool begins_with_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    return strncmp(text, word, length) == 0 && !isalnum((unsigned char)text[length]);
}

/* Do the rules of an anchor follow? */
static bool pf_opens_block(const struct text *text)
{
    size_t end = text->len;

    while (end && isspace((unsigned char)text->s[end - 1]))
        end--;
    return end && text->s[end - 1] == '{' && begins_with_word(text->s, "anchor");
}

static void skip_blank_lines(struct pf_source *source)
{
    for (;;) {
        size_t joined = continuation_length(source->at);

        if (*source->at == '#') {
            source->at = comment_end(source->at, &source->line);
        } else if (joined) {
            source->at += joined;
            source->line++;
        } else if (isspace((unsigned char)*source->at)) {
            source->line += *source->at++ == '\n';
        } else {
            return;
        }
    }
}

/* How far a statement has been read. */
struct gathering {
    const char *at;
    unsigned line;
    int depth; /* of braces */
};

/* Copies the next piece. False: the statement ends before it. */
static bool gather_piece(struct gathering *g, struct text *out)
{
    size_t joined = continuation_length(g->at);

    if (!*g->at || (*g->at == '\n' && (g->depth <= 0 || pf_opens_block(out))))
        return false;
    if (*g->at == '#') {
        g->at = comment_end(g->at, &g->line);
        return true;
    }
    g->depth += (*g->at == '{') - (*g->at == '}');
    g->line += joined || *g->at == '\n';
    text_add_bytes(out, joined || isspace((unsigned char)*g->at) ? " " : g->at, 1);
    g->at += joined ? joined : 1;
    /* The end of an anchor's block stands alone. */
    return out->len != 1 || out->s[0] != '}';
}

/* Keeps the first line, and goes on behind it. */
static bool give_first_line(struct pf_source *source, struct text *out)
{
    size_t length = strcspn(source->at, "\n");

    text_free(out);
    text_add_bytes(out, source->at, length);
    source->at += length;
    return false;
}

static bool gather_statement(struct pf_source *source, struct text *out, struct rule_error *error)
{
    struct gathering g = {source->at, source->line, 0};

    for (;;) {
        if (*g.at == '"' || *g.at == '\'') {
            size_t from = out->len;
            const char *end = copy_quoted(g.at, &g.line, out);

            if (!end) {
                give_first_line(source, out);
                return source_fail(error, from < out->len ? from : out->len, from < out->len,
                                   "the quotation mark is not closed");
            }
            g.at = end;
        } else if (!gather_piece(&g, out)) {
            break;
        }
    }
    if (g.depth > 0 && !pf_opens_block(out)) {
        give_first_line(source, out);
        return source_fail(error, strcspn(out->s, "{"), out->s[strcspn(out->s, "{")] == '{',
                           "the '{' is not closed");
    }
    source->at = g.at;
    source->line = g.line;
    return true;
}

enum rule_result pf_source_next(struct pf_source *source, const struct pf_ruleset *pf,
                                struct text *out, unsigned *line, struct rule_error *error)
{
    struct text raw = {0};
    bool good;

    text_free(out);
    skip_blank_lines(source);
    *line = source->line;
    if (!*source->at)
        return RULE_EMPTY;
    good = gather_statement(source, &raw, error);
    if (!good)
        text_add(out, "%s", text_str(&raw));
    else
        good = pf_macros_replace(pf, text_str(&raw), out, error);
    text_free(&raw);
    return good ? RULE_OK : RULE_BAD;
}
