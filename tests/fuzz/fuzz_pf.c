/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of pf, through its statements, the translation and the text of both back ends. The first
 * two bytes choose the options.
 */
#include "firewall_texts.h"
#include "pf/pf.h"
#include "rule/packet_tags.h"

#define RULES_MAX 6 /* lists multiply */
#define MADE_MAX  400

/* Files would make the result depend on the host. */
static bool names_a_file(const char *text)
{
    return strstr(text, "file") && strchr(text, '/');
}

static void read_statement(struct pf_ruleset *pf, const char *text)
{
    struct rule_error error = {0};
    size_t len = strlen(text);

    if (names_a_file(text))
        return;
    if (pf_statement(pf, text, &error) == RULE_BAD)
        REQUIRE(error.offset <= len && error.length <= len - error.offset && error.message[0] &&
                    memchr(error.message, 0, sizeof(error.message)),
                "%zu, %zu of %zu: %s", error.offset, error.length, len, error.message);
}

static void read_statements(struct pf_ruleset *pf, const char *text)
{
    struct pf_source source = {text, text, 1};
    struct rule_error error = {0};
    struct text statement = {0};
    enum rule_result result;
    unsigned line, last = 1;

    while (pf->count < RULES_MAX &&
           (result = pf_source_next(&source, pf, &statement, &line, &error)) != RULE_EMPTY) {
        size_t len = strlen(text_str(&statement));

        REQUIRE(line >= last, "line %u behind %u", line, last);
        last = line;
        if (result == RULE_OK)
            read_statement(pf, text_str(&statement));
        else
            REQUIRE(error.offset <= len && error.length <= len - error.offset, "%zu, %zu of %zu",
                    error.offset, error.length, len);
    }
    text_free(&statement);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct filter_options options = choose_options(&in);
    struct pf_ruleset pf = {0};
    struct ruleset rules = {0};
    struct rule_error error = {0};
    char *text = malloc(in.left + 1);

    REQUIRE(text, "no memory");
    memcpy(text, in.at, in.left);
    text[in.left] = '\0';
    read_statements(&pf, text);
    if (pf_translate(&pf, &rules, &error) && rules.count < MADE_MAX) {
        packet_tags_assign(&rules, options.tag_mask);
        expect_clean_texts(&rules, &options);
    }
    ruleset_free(&rules);
    pf_free(&pf);
    free(text);
    return 0;
}
