/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines as rules of ipfw, through the parser, the plan and the text of both back ends. The first
 * two bytes choose the options.
 */
#include "firewall_words.h"
#include "fuzz.h"
#include "rule.h"

#define RULES_MAX 12

static struct ruleset rules;

static struct filter_options choose_options(struct input *in)
{
    uint8_t bits = take8(in), more = take8(in);
    struct filter_options options = {
        .mark_mask = 0xffffu << (bits & 15) << (bits >> 4 & 1),
        .listeners = 1u + (more & 3),
        .no_bpf = bits & 32,
        .no_defrag = bits & 64,
        .id = "ab12",
        .owner = "divert-run pid=1 start=2 pidns=3",
    };

    return options;
}

static void expect_place(const char *line, const struct rule_error *error)
{
    size_t len = strlen(line);

    REQUIRE(error->offset <= len && error->length <= len - error->offset, "%zu, %zu of %zu",
            error->offset, error->length, len);
    REQUIRE(error->message[0] && memchr(error->message, 0, sizeof(error->message)), "no message");
}

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

static void generate(const struct filter_options *options, int family)
{
    const struct rule *too_long = NULL;
    struct text text = {0};
    bool made = family ? iptables_text(&rules, options, family, &text, &too_long)
                       : nft_text(&rules, options, &text, &too_long);
    const char *stray = firewall_stray_word(text_str(&text), &rules, options, family);

    REQUIRE(made == !too_long, "made or not");
    REQUIRE(strlen(text_str(&text)) == text.len, "a NUL in the text");
    REQUIRE(!stray, "'%s' in:\n%s", stray, text_str(&text));
    text_free(&text);
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
    generate(&options, 0);
    generate(&options, 4);
    generate(&options, 6);
    if (ruleset_renumber(&rules, options.tag_base = 1000))
        generate(&options, 4);
    ruleset_free(&rules);
    return 0;
}
