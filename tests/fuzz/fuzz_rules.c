/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines as rules of ipfw, through the parser, the plan and the text of both back ends. The first
 * two bytes choose the options.
 */
#include "firewall_texts.h"
#include "ipfw/alternatives.h"
#include "ipfw/ipfw.h"
#include "rule/packet_tags.h"

#include <stdlib.h>

#define RULES_MAX 12

static struct ruleset rules;

/* The text kept of a rule, for comments and messages, parses as the same rule. */
static void expect_same_text(const struct rule *rule)
{
    static struct rule again;
    struct rule_error error = {0};

    REQUIRE(ipfw_parse(rule->text, &again, &error) == RULE_OK, "'%s': %s", rule->text,
            error.message);
    REQUIRE(again.action == rule->action && again.argument == rule->argument &&
                again.clause_count == rule->clause_count && again.atom_count == rule->atom_count &&
                !strcmp(again.text, rule->text),
            "'%s' and '%s'", rule->text, again.text);
}

static void add_alternative(const char *line)
{
    static struct rule rule;
    struct rule_error error = {0};

    if (was_read(line, ipfw_parse(line, &rule, &error), &rule, &error)) {
        expect_same_text(&rule);
        ruleset_add(&rules, &rule);
    }
}

static bool add_rule(const char *line)
{
    static struct alternatives found;
    struct rule_error error = {0};
    size_t length = strlen(line);

    if (!alternatives_read(line, &found, &error)) {
        REQUIRE(*error.message && error.offset + error.length <= length, "'%s': %s", line,
                error.message);
        return rules.count < RULES_MAX;
    }
    for (unsigned i = 0; i < found.rules && rules.count < RULES_MAX; i++) {
        char *chosen = strdup(line);

        alternatives_choose(&found, i, chosen);
        REQUIRE(strlen(chosen) == length, "'%s' and '%s'", line, chosen);
        add_alternative(chosen);
        free(chosen);
    }
    return rules.count < RULES_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct filter_options options = choose_options(&in);

    each_line(&in, add_rule);
    packet_tags_assign(&rules, options.tag_mask);
    expect_clean_texts(&rules, &options);
    if (ruleset_renumber(&rules, options.tag_base = 1000))
        expect_clean_text(&rules, &options, 4);
    ruleset_free(&rules);
    return 0;
}
