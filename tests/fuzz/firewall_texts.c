/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall_texts.h"

#include "firewall_words.h"
#include "iptables/iptables.h"
#include "nft/nft.h"

struct filter_options choose_options(struct input *in)
{
    uint8_t bits = take8(in), more = take8(in);
    struct filter_options options = {
        .mark_mask = 0xffffu << (bits & 15) << (bits >> 4 & 1),
        .listeners = 1u + (more & 3),
        .no_bpf = bits & 32,
        .no_defrag = bits & 64,
        .event_group = more & 4 ? 0 : 65535,
        .id = "ab12",
        .owner = "divert-run pid=1 start=2 pidns=3",
    };

    options.tag_mask = more & 8 ? ~options.mark_mask : 0;
    return options;
}

void each_line(struct input *in, bool (*add)(const char *line))
{
    char *lines = malloc(in->left + 1), *rest = lines, *line;

    REQUIRE(lines, "no memory");
    memcpy(lines, in->at, in->left);
    lines[in->left] = '\0';
    while ((line = strsep(&rest, "\n")) && add(line))
        ;
    free(lines);
}

static void expect_place(const char *line, const struct rule_error *error)
{
    size_t len = strlen(line);

    REQUIRE(error->offset <= len && error->length <= len - error->offset, "%zu, %zu of %zu",
            error->offset, error->length, len);
    REQUIRE(error->message[0] && memchr(error->message, 0, sizeof(error->message)), "no message");
}

bool was_read(const char *line, enum rule_result result, const struct rule *rule,
              const struct rule_error *error)
{
    if (result == RULE_BAD)
        expect_place(line, error);
    if (result != RULE_OK)
        return false;
    REQUIRE(rule->clause_count <= RULE_CLAUSES_MAX && rule->atom_count <= RULE_ATOMS_MAX, "%u %u",
            rule->clause_count, rule->atom_count);
    return true;
}

void expect_clean_text(const struct ruleset *rules, const struct filter_options *options,
                       int family)
{
    const struct rule *too_long = NULL;
    struct text text = {0};
    const char *stray;
    bool made;

    if (family && ruleset_state_rule(rules))
        return; /* divert-run keeps these to nft */
    made = family ? iptables_text(rules, options, family, &text, &too_long)
                  : nft_text(rules, options, &text, &too_long);
    stray = firewall_stray_word(text_str(&text), rules, options, family);
    REQUIRE(made == !too_long, "made or not");
    REQUIRE(strlen(text_str(&text)) == text.len, "a NUL in the text");
    REQUIRE(!stray, "'%s' in:\n%s", stray, text_str(&text));
    text_free(&text);
}

void expect_clean_texts(const struct ruleset *rules, const struct filter_options *options)
{
    expect_clean_text(rules, options, 0);
    expect_clean_text(rules, options, 4);
    expect_clean_text(rules, options, 6);
}
