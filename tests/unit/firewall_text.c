/* SPDX-License-Identifier: BSD-2-Clause */
#include "firewall_text.h"

#include "ipfw/ipfw.h"
#include "iptables/iptables.h"
#include "nft/nft.h"

#include <check.h>
#include <string.h>

struct filter_options options;
struct ruleset rules;
struct text text;

void firewall_setup(void)
{
    options = (struct filter_options){.mark_mask = 0xffff0000,
                                      .listeners = 1,
                                      .lifetimes = {300, 20, 1, 1, 10, 5},
                                      .id = "ab12",
                                      .owner = "divert-run pid=1 start=2 pidns=3"};
}

void firewall_teardown(void)
{
    ruleset_free(&rules);
    text_free(&text);
}

void add(const char *line)
{
    static struct rule rule;
    struct rule_error error;

    ck_assert_msg(ipfw_parse(line, &rule, &error) == RULE_OK, "'%s': %s", line, error.message);
    ck_assert_uint_ne(ruleset_add(&rules, &rule), 0);
}

const char *generate(int family)
{
    const struct rule *too_long;
    bool made;

    text_free(&text);
    options.tracked = ruleset_tracks(&rules) || (family && ruleset_sets_dscp(&rules));
    if (family)
        made = iptables_text(&rules, &options, family, &text, &too_long);
    else
        made = nft_text(&rules, &options, &text, &too_long);
    ck_assert(made);
    return text_str(&text);
}

unsigned int occurrences(const char *s, const char *part)
{
    unsigned int count = 0;

    while ((s = strstr(s, part))) {
        count++;
        s += strlen(part);
    }
    return count;
}

void has(const char *part)
{
    ck_assert_msg(strstr(text_str(&text), part), "no '%s' in:\n%s", part, text_str(&text));
}

void lacks(const char *part)
{
    ck_assert_msg(!strstr(text_str(&text), part), "'%s' in:\n%s", part, text_str(&text));
}
