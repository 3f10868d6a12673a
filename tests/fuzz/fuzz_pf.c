/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines as rules of pf, through the parser, the translation and the text of both back ends. The
 * first two bytes choose the options.
 */
#include "firewall_texts.h"
#include "pf.h"

#define RULES_MAX 6 /* lists multiply */
#define MADE_MAX  400

static struct pf_ruleset pf;

static void add_rule(const char *line)
{
    static struct pf_rule rule;
    struct rule_error error = {0};

    switch (pf_parse(line, &rule, &error)) {
    case RULE_BAD:
        expect_place(line, &error);
        break;
    case RULE_OK:
        REQUIRE(rule.match.clause_count <= RULE_CLAUSES_MAX &&
                    rule.match.atom_count <= RULE_ATOMS_MAX,
                "%u %u", rule.match.clause_count, rule.match.atom_count);
        pf_add(&pf, &rule);
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
    struct ruleset rules = {0};

    REQUIRE(lines, "no memory");
    memcpy(lines, in.at, in.left);
    lines[in.left] = '\0';
    while (pf.count < RULES_MAX && (line = strsep(&rest, "\n")))
        add_rule(line);
    free(lines);
    if (pf_translate(&pf, &rules) && rules.count < MADE_MAX)
        expect_clean_texts(&rules, &options);
    ruleset_free(&rules);
    pf_free(&pf);
    return 0;
}
