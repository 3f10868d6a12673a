/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines as rules of pf, through the parser, the translation and the text of both back ends. The
 * first two bytes choose the options.
 */
#include "firewall_texts.h"
#include "pf/pf.h"

#define RULES_MAX 6 /* lists multiply */
#define MADE_MAX  400

static struct pf_ruleset pf;

static bool add_rule(const char *line)
{
    static struct pf_rule rule;
    struct rule_error error = {0};

    if (was_read(line, pf_parse(line, &rule, &error), &rule.match, &error))
        pf_add(&pf, &rule);
    return pf.count < RULES_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct filter_options options = choose_options(&in);
    struct ruleset rules = {0};

    each_line(&in, add_rule);
    if (pf_translate(&pf, &rules) && rules.count < MADE_MAX)
        expect_clean_texts(&rules, &options);
    ruleset_free(&rules);
    pf_free(&pf);
    return 0;
}
