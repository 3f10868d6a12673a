/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads rules from arguments and files, and reports errors in them. */
#include "rule_source.h"

#include "ipfw/command.h"
#include "pf_source.h"
#include "util/message.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int report_bad_rule(const char *where, const char *text, const struct rule_error *error)
{
    message_error("%s: %s", where, error->message);
    message_place(text, error->offset, error->length);
    return STATUS_USAGE;
}

static int report_empty_rule(const char *where, bool may_be_empty)
{
    if (may_be_empty)
        return 0;
    message_error("%s: the rule is empty", where);
    return STATUS_USAGE;
}

static int report_refused(const char *where, const char *text, const struct ipfw_reply *reply)
{
    if (!reply->placeless)
        return report_bad_rule(where, text, &reply->error);
    message_error("%s: %s", where, reply->error.message);
    return STATUS_USAGE;
}

/* The first line that ipfw would print, as a warning. */
static void warn_failed(const char *where, struct ipfw_reply *reply)
{
    char *said = reply->err.s;

    if (!said)
        return;
    said[strcspn(said, "\n")] = '\0';
    message_warning("%s: %s", where, strncmp(said, "ipfw: ", 6) == 0 ? said + 6 : said);
}

/*
 * A command that fails in ipfw, too, such as deleting a missing rule, is no error for the other
 * lines.
 */
static int run_ipfw_line(struct rule_source *source, const char *where, const char *text,
                         bool may_be_empty)
{
    struct ipfw_reply reply = {0};
    int status = 0;

    switch (ipfw_command(source->model, text, &reply)) {
    case IPFW_DONE:
        break;
    case IPFW_NOTHING:
        status = report_empty_rule(where, may_be_empty);
        break;
    case IPFW_FAILED:
        warn_failed(where, &reply);
        break;
    case IPFW_REFUSED:
        status = report_refused(where, text, &reply);
        break;
    }
    ipfw_reply_free(&reply);
    return status;
}

int rules_from_argument(struct rule_source *source, enum rule_language language, const char *text)
{
    char where[32];

    snprintf(where, sizeof(where), "rule %u", ++source->given);
    if (strpbrk(text, "\n")) {
        message_error("%s: a rule is one line; %s FILE reads many", where,
                      language == LANGUAGE_PF ? "--pf-file" : "-f");
        return STATUS_USAGE;
    }
    return language == LANGUAGE_PF ? pf_from_argument(source->pf, where, text)
                                   : run_ipfw_line(source, where, text, false);
}

static int ipfw_from_file(struct rule_source *source, const char *path)
{
    FILE *file = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
    struct text where = {0};
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    unsigned lines = 0, bad = 0;
    int status = 0;

    if (!file) {
        message_error("%s: %s", path, strerror(errno));
        return STATUS_USAGE;
    }
    for (unsigned number = 1; (length = getline(&line, &size, file)) >= 0; number++) {
        text_free(&where);
        text_add(&where, "%s:%u", path, number);
        line[strcspn(line, "\n")] = '\0';
        lines += line[strspn(line, " \t\r")] != '\0';
        if (strlen(line) + 1 < (size_t)length) {
            message_error("%s: this line contains a NUL character", text_str(&where));
            bad++;
        } else {
            bad += run_ipfw_line(source, text_str(&where), line, true) != 0;
        }
    }
    if (bad) {
        message_error("%s: %u of %u lines were rejected; none is used", path, bad, lines);
        status = STATUS_USAGE;
    }
    if (!status && ferror(file)) {
        message_error("%s: %s", path, strerror(errno));
        status = STATUS_USAGE;
    }
    text_free(&where);
    free(line);
    if (file != stdin)
        fclose(file);
    return status;
}

int rules_from_file(struct rule_source *source, enum rule_language language, const char *path)
{
    return language == LANGUAGE_PF ? pf_from_file(source->pf, path) : ipfw_from_file(source, path);
}

static bool clause_names_interface(enum clause_kind kind)
{
    return kind == CLAUSE_VIA || kind == CLAUSE_RECV || kind == CLAUSE_XMIT;
}

static bool rule_names_interface(const struct rule *rule, const char *name)
{
    for (unsigned i = 0; i < rule->clause_count; i++) {
        const struct rule_clause *clause = &rule->clauses[i];

        if (clause_names_interface(clause->kind) &&
            strcmp(rule->atoms[clause->first].ifname, name) == 0)
            return true;
    }
    return false;
}

/* Does a rule before the one with index AT name the interface? */
static bool interface_named_before(const struct ruleset *rules, size_t at, const char *name)
{
    for (size_t i = 0; i < at; i++) {
        if (rule_names_interface(rules->rules[i], name))
            return true;
    }
    return false;
}

#define LISTED_MAX 200 /* bytes of names */

/* "lo, eth0, eth1" */
static void list_interfaces(struct text *out)
{
    struct if_nameindex *all = if_nameindex();

    for (struct if_nameindex *one = all; one && one->if_index; one++) {
        if (out->len > LISTED_MAX) {
            text_add(out, ", ...");
            break;
        }
        text_add(out, "%s%s", out->len ? ", " : "", one->if_name);
    }
    if (all)
        if_freenameindex(all);
}

static void warn_missing_interface(const struct ruleset *rules, size_t at, const char *name)
{
    struct text there = {0};

    if (strchr(name, '*') || strcmp(name, "any") == 0 || if_nametoindex(name) ||
        interface_named_before(rules, at, name))
        return;
    list_interfaces(&there);
    message_warning("there is no interface '%s' now, only %s; this rule waits for it: %s", name,
                    text_str(&there), rules->rules[at]->text);
    text_free(&there);
}

void rules_warn_interfaces(const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];

        for (unsigned j = 0; j < rule->clause_count; j++) {
            if (clause_names_interface(rule->clauses[j].kind))
                warn_missing_interface(rules, i, rule->atoms[rule->clauses[j].first].ifname);
        }
    }
}
