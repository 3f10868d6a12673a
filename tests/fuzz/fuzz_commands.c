/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines as commands of ipfw, through the model and the tables to the text of both back ends. The
 * first two bytes choose the options.
 */
#include "firewall_texts.h"
#include "ipfw/command.h"
#include "ipfw/resolve.h"

#include <stdlib.h>

#define RULES_MAX   12
#define ENTRIES_MAX 100

static struct ipfw_model model;

static size_t count_entries(void)
{
    size_t count = model.tables.count;

    for (size_t i = 0; i < model.tables.count; i++)
        count += HASH_COUNT(model.tables.items[i]->entries);
    return count;
}

static bool run_line(const char *line)
{
    struct ipfw_reply reply = {0};
    enum ipfw_result result = ipfw_command(&model, line, &reply);
    size_t length = strlen(line);

    if (result == IPFW_REFUSED) {
        REQUIRE(*reply.error.message && reply.status, "'%s': no message", line);
        REQUIRE(reply.error.offset <= length && reply.error.length <= length - reply.error.offset,
                "'%s': %zu, %zu", line, reply.error.offset, reply.error.length);
    }
    if (result == IPFW_FAILED)
        REQUIRE(reply.status, "'%s': status %d", line, reply.status);
    ipfw_reply_free(&reply);
    return model.rules.count < RULES_MAX && count_entries() < ENTRIES_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct filter_options options = choose_options(&in);
    struct ruleset rules = {0};
    struct text why = {0};

    each_line(&in, run_line);
    if (ipfw_resolve(&model, &rules, &why))
        expect_clean_texts(&rules, &options);
    else
        REQUIRE(why.len, "no reason");
    text_free(&why);
    ruleset_free(&rules);
    ipfw_model_free(&model);
    return 0;
}
