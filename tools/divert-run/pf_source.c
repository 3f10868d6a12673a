/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads statements of pf from arguments and files, and reports what is wrong with them. */
#include "pf_source.h"

#include "util/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX    16          /* of files that include others */
#define INCLUDES_MAX 256         /* in all */
#define FILE_MAX     (64u << 20) /* bytes */

static void report_notes(struct pf_ruleset *pf, const char *where)
{
    struct pf_note *notes;
    size_t count = pf_take_notes(pf, &notes);

    for (size_t i = 0; i < count; i++) {
        if (notes[i].warning)
            message_warning("%s%s%s", where, *where ? ": " : "", notes[i].text);
        else
            message_note("%s%s%s", where, *where ? ": " : "", notes[i].text);
    }
    pf_free_notes(notes, count);
}

static int report_bad_statement(const char *where, const char *text, const struct rule_error *error)
{
    message_error("%s: %s", where, error->message);
    message_place(text, error->offset, error->length);
    return STATUS_USAGE;
}

static int add_statement(struct pf_ruleset *pf, const char *where, const char *text)
{
    struct rule_error error = {0};
    int status = 0;

    pf->where = where;
    if (pf_statement(pf, text, &error) == RULE_BAD) {
        status = report_bad_statement(where, text, &error);
        pf_free_notes(pf->notes, pf->note_count);
        pf->notes = NULL;
        pf->note_count = 0;
    }
    report_notes(pf, where);
    pf->where = NULL;
    return status;
}

static int add_file(struct pf_ruleset *pf, const char *path, unsigned includes);

/* The count of statements in one file. */
struct tally {
    unsigned statements, bad;
};

static void add_next(struct pf_ruleset *pf, const char *path, unsigned line, const char *text,
                     unsigned includes, struct tally *tally)
{
    struct text where = {0};
    char *include;

    text_add(&where, "%s:%u", path, line);
    tally->statements++;
    tally->bad += add_statement(pf, text_str(&where), text) != 0;
    include = pf->include;
    pf->include = NULL;
    if (include && (includes >= DEPTH_MAX || ++pf->includes > INCLUDES_MAX)) {
        message_error("%s: 'include': files are nested too deeply, or there are too many",
                      text_str(&where));
        tally->bad++;
    } else if (include) {
        tally->bad += add_file(pf, include, includes + 1) != 0;
    }
    free(include);
    text_free(&where);
}

static int add_statements(struct pf_ruleset *pf, const char *path, const char *text,
                          unsigned includes)
{
    struct pf_source source = {text, text, 1};
    struct tally tally = {0};
    struct text statement = {0};
    struct rule_error error = {0};
    enum rule_result result;
    unsigned line;

    while ((result = pf_source_next(&source, pf, &statement, &line, &error)) != RULE_EMPTY) {
        struct text where = {0};

        if (result == RULE_OK) {
            add_next(pf, path, line, text_str(&statement), includes, &tally);
            continue;
        }
        text_add(&where, "%s:%u", path, line);
        report_bad_statement(text_str(&where), text_str(&statement), &error);
        tally.statements++;
        tally.bad++;
        text_free(&where);
    }
    text_free(&statement);
    if (!tally.bad)
        return 0;
    message_error("%s: %u of %u statements were rejected; none is used", path, tally.bad,
                  tally.statements);
    return STATUS_USAGE;
}

/* The whole text, or NULL after an error message. The caller frees it. */
static char *read_whole(FILE *file, const char *path)
{
    struct text text = {0};
    char part[2048];
    size_t length;

    while ((length = fread(part, 1, sizeof(part), file)) > 0 && text.len < FILE_MAX)
        text_add_bytes(&text, part, length);
    if (ferror(file))
        message_error("%s: %s", path, strerror(errno));
    else if (text.len >= FILE_MAX)
        message_error("%s: larger than %u bytes", path, FILE_MAX);
    else if (strlen(text_str(&text)) != text.len)
        message_error("%s: this file contains a NUL character", path);
    else
        return text.s ? text.s : copy_string("");
    text_free(&text);
    return NULL;
}

static int add_file(struct pf_ruleset *pf, const char *path, unsigned includes)
{
    FILE *file = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
    int status = STATUS_USAGE;
    char *text;

    if (!file) {
        message_error("%s: %s", path, strerror(errno));
        return STATUS_USAGE;
    }
    text = read_whole(file, path);
    if (text)
        status = add_statements(pf, path, text, includes);
    free(text);
    if (file != stdin)
        fclose(file);
    return status;
}

int pf_from_file(struct pf_ruleset *pf, const char *path)
{
    return add_file(pf, path, 0);
}

int pf_from_argument(struct pf_ruleset *pf, const char *where, const char *text)
{
    struct pf_source source = {text, text, 1};
    struct text statement = {0};
    struct rule_error error = {0};
    unsigned line;
    enum rule_result result = pf_source_next(&source, pf, &statement, &line, &error);
    int status = 0;

    if (result == RULE_EMPTY) {
        message_error("%s: the rule is empty", where);
        status = STATUS_USAGE;
    } else if (result == RULE_BAD) {
        status = report_bad_statement(where, text_str(&statement), &error);
    } else {
        status = add_statement(pf, where, text_str(&statement));
    }
    if (!status && pf->include)
        status = add_file(pf, pf->include, 1);
    text_free(&statement);
    return status;
}

/* Reports all rules that divert by the words of the other system. */
static int refuse_divert(const struct pf_ruleset *pf, bool divert_to, const char *why)
{
    const struct pf_rule *rule = NULL;

    while ((rule = pf_find_divert(pf, divert_to, rule)))
        message_error("%s: '%s': %s", rule->where, divert_to ? "divert-to" : "divert-packet", why);
    return STATUS_USAGE;
}

/* divert-to is FreeBSD's if the user says so; all other rules are OpenBSD's. */
static int check_personality(const struct pf_ruleset *pf, const char **personality)
{
    bool freebsd = *personality && strcmp(*personality, "freebsd") == 0;

    if (!freebsd && pf_find_divert(pf, true, NULL))
        return refuse_divert(pf, true,
                             "diverts on FreeBSD, with --personality freebsd; OpenBSD diverts by "
                             "'divert-packet port N', its divert-to is for transparent proxies, "
                             "which use TPROXY here");
    if (freebsd && pf_find_divert(pf, false, NULL))
        return refuse_divert(pf, false,
                             "is OpenBSD's; with --personality freebsd rules divert by 'divert-to "
                             "port N'");
    if (!freebsd)
        *personality = "openbsd";
    return 0;
}

int pf_finish(struct pf_ruleset *pf, struct ruleset *rules, const char **personality)
{
    struct rule_error error = {0};
    int status = check_personality(pf, personality);

    if (status)
        return status;
    if (!pf_translate(pf, rules, &error)) {
        message_error("%s", error.message);
        status = STATUS_USAGE;
    }
    report_notes(pf, "");
    return status;
}
