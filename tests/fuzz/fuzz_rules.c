/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines as rules of ipfw, through the parser, the plan and the text of both back ends. The first
 * two bytes choose the options.
 */
#include "firewall_texts.h"
#include "rule.h"

#define RULES_MAX 12

static struct ruleset rules;

/* What is kept of a rule, for comments and messages, is that rule. */
static void expect_same_text(const struct rule *rule)
{
    static struct rule again;
    struct rule_error error = {0};

    REQUIRE(rule_parse(rule->text, &again, &error) == RULE_OK, "'%s': %s", rule->text,
            error.message);
    REQUIRE(again.action == rule->action && again.argument == rule->argument &&
                again.clause_count == rule->clause_count && again.atom_count == rule->atom_count &&
                !strcmp(again.text, rule->text),
            "'%s' and '%s'", rule->text, again.text);
}

static void add_rule(const char *line)
{
    static struct rule rule;
    struct rule_error error = {0};

    switch (rule_parse(line, &rule, &error)) {
    case RULE_BAD:
        expect_place(line, &error);
        break;
    case RULE_OK:
        REQUIRE(rule.clause_count <= RULE_CLAUSES_MAX && rule.atom_count <= RULE_ATOMS_MAX, "%u %u",
                rule.clause_count, rule.atom_count);
        expect_same_text(&rule);
        ruleset_add(&rules, &rule);
        break;
    case RULE_EMPTY:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct filter_options options = choose_options(&in);
    char *lines = malloc(in.left + 1), *rest = lines, *line;

    REQUIRE(lines, "no memory");
    memcpy(lines, in.at, in.left);
    lines[in.left] = '\0';
    while (rules.count < RULES_MAX && (line = strsep(&rest, "\n")))
        add_rule(line);
    free(lines);
    expect_clean_texts(&rules, &options);
    if (ruleset_renumber(&rules, options.tag_base = 1000))
        expect_clean_text(&rules, &options, 4);
    ruleset_free(&rules);
    return 0;
}
