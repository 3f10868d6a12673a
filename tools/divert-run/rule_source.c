#include "options.h"
#include "say.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const char *where, const char *text, const struct rule_error *error)
{
    say_error("%s: %s", where, error->message);
    say_place(text, error->offset, error->length);
    return STATUS_USAGE;
}

static int add_rule(struct rule_source *source, const char *where, const char *text,
                    bool may_be_empty)
{
    struct rule *rule = grow(NULL, 1, sizeof(*rule));
    struct rule_error error = {0};
    enum rule_result result = rule_parse(text, rule, &error);
    int status = 0;

    if (result == RULE_BAD) {
        status = refuse(where, text, &error);
    } else if (result == RULE_EMPTY && may_be_empty) {
        if (text[strspn(text, " \t\r")] && !strchr("#/", text[strspn(text, " \t\r")]))
            say_note("%s: nothing to do for '%s'", where, text);
    } else if (result == RULE_EMPTY) {
        say_error("%s: the rule is empty", where);
        status = STATUS_USAGE;
    } else if (!ruleset_add(source->set, rule)) {
        say_error("%s: 'skipto %u': skipto goes forward only; give the rule a number below %u",
                  where, rule->argument, rule->argument);
        status = STATUS_USAGE;
    } else if (rule->log) {
        say_note("%s: 'log' has no effect", where);
    }
    free(rule);
    return status;
}

int rules_from_argument(struct rule_source *source, const char *text)
{
    char where[32];

    snprintf(where, sizeof(where), "rule %u", ++source->given);
    if (strpbrk(text, "\n")) {
        say_error("%s: a rule is one line; -f FILE takes many", where);
        return STATUS_USAGE;
    }
    return add_rule(source, where, text, false);
}

int rules_from_file(struct rule_source *source, const char *path)
{
    FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
    struct text where = {0};
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int status = 0;

    if (!file) {
        say_error("%s: %s", path, strerror(errno));
        return STATUS_USAGE;
    }
    for (unsigned int number = 1; !status && (length = getline(&line, &size, file)) >= 0;
         number++) {
        text_free(&where);
        text_add(&where, "%s:%u", path, number);
        line[strcspn(line, "\n")] = '\0';
        if (strlen(line) + 1 < (size_t)length) {
            say_error("%s: this line has a NUL character in it", text_str(&where));
            status = STATUS_USAGE;
        } else {
            status = add_rule(source, text_str(&where), line, true);
        }
    }
    if (!status && ferror(file)) {
        say_error("%s: %s", path, strerror(errno));
        status = STATUS_USAGE;
    }
    text_free(&where);
    free(line);
    if (file != stdin)
        fclose(file);
    return status;
}

static bool names_interface(enum clause_kind kind)
{
    return kind == CLAUSE_VIA || kind == CLAUSE_RECV || kind == CLAUSE_XMIT;
}

void rules_warn_interfaces(const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];

        for (unsigned int j = 0; j < rule->clause_count; j++) {
            const struct rule_clause *clause = &rule->clauses[j];
            const char *name = rule->atoms[clause->first].ifname;

            if (!names_interface(clause->kind) || strchr(name, '*') || !strcmp(name, "any"))
                continue;
            if (!if_nametoindex(name))
                say_warning("rule %u: there is no interface '%s' now; the rule waits for it",
                            rule->number, name);
        }
    }
}
