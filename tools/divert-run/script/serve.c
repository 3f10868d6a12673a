/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carries out the commands of a script. The words of a request are the name of the command and its
 * arguments; or "file", the file's name, and its lines, each as a command of ipfw; or "unread", the
 * file's name, and why it cannot be read.
 */
#include "script/serve.h"

#include "ipfw/command.h"
#include "ipfw/sysctl.h"
#include "util/message.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* The words one after the other; NULL behind the last. */
static const char *next_word_of(const struct text *words, const char *word)
{
    const char *next = word ? word + strlen(word) + 1 : words->s;

    return next && next < words->s + words->len ? next : NULL;
}

static void report_refused_command(struct script_progress *p, const char *where, const char *line,
                                   const struct ipfw_reply *reply)
{
    p->refused++;
    message_error("%s: %s", where, reply->error.message);
    if (reply->placeless)
        message_place(line, 0, strlen(line));
    else
        message_place(line, reply->error.offset, reply->error.length);
}

static void remember_failed_command(struct script_progress *p, const char *line,
                                    const struct ipfw_reply *reply)
{
    text_free(&p->failed);
    text_add(&p->failed, "'%s'", line);
    if (reply->err.len)
        text_add(&p->failed, ": %.*s", (int)strcspn(text_str(&reply->err), "\n"),
                 text_str(&reply->err));
}

/* Returns the command's exit status. */
static int run_ipfw(struct script_progress *p, const char *where, const char *line,
                    struct text *out, struct text *err)
{
    struct ipfw_reply reply = {0};
    enum ipfw_result result = ipfw_command(p->model, line, &reply);
    int status = reply.status;

    p->commands++;
    if (result == IPFW_REFUSED)
        report_refused_command(p, where, line, &reply);
    if (result == IPFW_FAILED)
        remember_failed_command(p, line, &reply);
    text_add(out, "%s", text_str(&reply.out));
    text_add(err, "%s", text_str(&reply.err));
    ipfw_reply_free(&reply);
    return status;
}

/* A word with blanks in it is several words for ipfw, too. */
static int serve_ipfw(struct script_progress *p, const struct text *words, struct text *out,
                      struct text *err)
{
    struct text line = {0};
    int status;

    for (const char *word = words->s; word; word = next_word_of(words, word))
        text_add(&line, "%s%s", line.len ? " " : "", word);
    status = run_ipfw(p, p->script, text_str(&line), out, err);
    text_free(&line);
    return status;
}

/* Goes on behind lines that fail. */
static int serve_file(struct script_progress *p, const struct text *words, struct text *out,
                      struct text *err)
{
    const char *name = next_word_of(words, words->s);
    const char *line = name ? next_word_of(words, name) : NULL;
    struct text where = {0};
    int status = 0;

    for (unsigned number = 1; line; line = next_word_of(words, line), number++) {
        int one;

        if (!line[strspn(line, " \t\r")])
            continue;
        text_free(&where);
        text_add(&where, "%s:%u", name, number);
        one = run_ipfw(p, text_str(&where), line, out, err);
        status = status ? status : one;
    }
    text_free(&where);
    return status;
}

/* A file of commands that could not be read. */
static int serve_unread(struct script_progress *p, const struct text *words)
{
    const char *name = next_word_of(words, words->s);
    const char *why = name ? next_word_of(words, name) : NULL;

    p->commands++;
    p->refused++;
    if (why)
        message_error("%s: %s: %s", p->script, name, why);
    return EX_NOINPUT;
}

static int serve_sysctl(struct script_progress *p, const struct text *words, struct text *out,
                        struct text *err)
{
    const char *flags = next_word_of(words, words->s);
    const char *word = flags ? next_word_of(words, flags) : NULL;
    int status = 0;

    for (; word; word = next_word_of(words, word)) {
        if (!ipfw_sysctl(p->model, word, strchr(flags, 'n') != NULL, out)) {
            text_add(err, "sysctl: %s: unknown variable, or a value that it cannot have\n", word);
            status = 1;
        }
    }
    return status;
}

void serve_request(struct script_progress *p, struct request *request)
{
    const struct text *words = &request->words;
    struct text out = {0}, err = {0};
    int status = 1;

    if (words->len && !words->s[words->len - 1]) {
        if (strcmp(words->s, "ipfw") == 0)
            status = serve_ipfw(p, words, &out, &err);
        else if (strcmp(words->s, "file") == 0)
            status = serve_file(p, words, &out, &err);
        else if (strcmp(words->s, "unread") == 0)
            status = serve_unread(p, words);
        else if (strcmp(words->s, "sysctl") == 0)
            status = serve_sysctl(p, words, &out, &err);
    }
    request_answer(request, status, text_str(&out), text_str(&err));
    text_free(&out);
    text_free(&err);
}
