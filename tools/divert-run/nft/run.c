/* SPDX-License-Identifier: BSD-2-Clause */
/* Installs, finds and removes tables with nft(8). */
#include "nft/private.h"
#include "util/message.h"
#include "util/owner.h"
#include "util/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_nft(const char *input, struct text *out, struct text *err)
{
    static const char *const argv[] = {"nft", "-f", "-", NULL};

    return tool_run(argv, input, out, err);
}

/* Creates and deletes a table with a rule in one transaction, to see whether nft accepts it. */
static bool nft_takes(const char *rule, struct text *why)
{
    struct text input = {0}, err = {0};
    char id[5];
    int status;

    owner_new_id(id);
    text_add(&input,
             "table inet divert_probe_%s { chain c { %s\n}\n}\ndelete table inet divert_probe_%s\n",
             id, rule, id);
    status = run_nft(text_str(&input), NULL, &err);
    if (status)
        tool_failure("nft", status, &err, why);
    text_free(&input);
    text_free(&err);
    return status == 0;
}

bool nft_probe(struct text *why)
{
    return nft_takes("queue num 1", why);
}

bool nft_probe_xt_queue(struct text *why)
{
    return nft_takes("accept", why) && nft_try_xt_queue(why);
}

/* The table has no hook: unregistering one drops all queued packets of the namespace. */
bool nft_probe_injected(const char *id)
{
    struct text input = {0};
    bool taken;

    text_add(
        &input,
        "table inet divert_%s { chain c { socket transparent 1 meta mark set socket mark\n}\n}\n"
        "delete table inet divert_%s\n",
        id, id);
    taken = run_nft(text_str(&input), NULL, NULL) == 0;
    text_free(&input);
    return taken;
}

int nft_install(const char *text, const struct ruleset *rules, const struct filter_options *options)
{
    struct text err = {0}, reason = {0};
    int status = 0, error = 0;

    if (nft_owned_install(text, rules, options))
        return 0;
    if (options->xt_queue)
        error = nft_install_xt_queues(-1, rules, options);
    if (error) {
        message_error("nf_tables refused the queues: %s", strerror(error));
        return STATUS_FAILED;
    }
    status = run_nft(text, NULL, &err);
    if (status) {
        tool_failure("nft", status, &err, &reason);
        message_error("nft refused the rules: %s", text_str(&reason));
        nft_remove(options->id);
    }
    text_free(&err);
    text_free(&reason);
    return status ? STATUS_FAILED : 0;
}

static bool list_nft_chain(const char *table, const char *chain, struct text *out)
{
    const char *const argv[] = {"nft", "-y", "list", "chain", "inet", table, chain, NULL};

    return tool_run(argv, NULL, out, NULL) == 0;
}

bool nft_list(const char *id, struct text *out)
{
    char table[16];
    const char *const argv[] = {"nft", "-n", "-y", "list", "table", "inet", table, NULL};

    snprintf(table, sizeof(table), "divert_%s", id);
    return tool_run(argv, NULL, out, NULL) == 0;
}

static bool nft_table_exists(const char *table)
{
    const char *const argv[] = {"nft", "list", "table", "inet", table, NULL};

    return tool_run(argv, NULL, NULL, NULL) == 0;
}

bool nft_in_place(const char *id)
{
    struct text chain = {0};
    char table[16];
    bool there;

    snprintf(table, sizeof(table), "divert_%s", id);
    there = list_nft_chain(table, "prerouting", &chain) && owner_named(text_str(&chain));
    text_free(&chain);
    return there;
}

bool nft_id_taken(const char *id)
{
    char table[16];

    snprintf(table, sizeof(table), "divert_%s", id);
    return nft_table_exists(table);
}

static bool delete_nft_table(const char *table)
{
    const char *const argv[] = {"nft", "delete", "table", "inet", table, NULL};

    return tool_run(argv, NULL, NULL, NULL) == 0 || !nft_table_exists(table);
}

bool nft_remove(const char *id)
{
    char table[16];

    nft_owned_remove();
    snprintf(table, sizeof(table), "divert_%s", id);
    return delete_nft_table(table);
}

static const char injected_table[] = "divert_injected";

bool nft_injected_exists(void)
{
    return nft_table_exists(injected_table);
}

bool nft_injected_install(uint32_t mark_mask)
{
    struct text input = {0};
    bool there = nft_injected_exists();

    if (!there) {
        text_add(&input, "table inet %s {\n", injected_table);
        nft_text_injected(mark_mask, &input);
        text_add(&input, "}\n");
        there = run_nft(text_str(&input), NULL, NULL) == 0;
    }
    text_free(&input);
    return there;
}

bool nft_injected_remove(void)
{
    return nft_injected_exists() && delete_nft_table(injected_table);
}

/*
 * Calls a function with each table of a run. Returns the sum of its results, or -1 if one is below
 * 0.
 */
static int for_each_run(int (*function)(const char *table, void *arg), void *arg)
{
    static const char *const argv[] = {"nft", "list", "tables", NULL};
    struct text list = {0};
    char *rest, *line, table[16];
    int sum = 0, one;

    rest = tool_run(argv, NULL, &list, NULL) ? NULL : list.s;
    while ((line = strsep(&rest, "\n"))) {
        int end = 0;

        if (sscanf(line, "table inet %11[divert_0-9a-f]%n", table, &end) != 1 || line[end] ||
            strncmp(table, "divert_", 7) != 0 || strlen(table) != 11)
            continue;
        one = function(table, arg);
        sum = one < 0 || sum < 0 ? -1 : sum + one;
    }
    text_free(&list);
    return sum;
}

static int sweep_nft_table(const char *table, void *arg)
{
    struct text chain = {0};
    bool gone;

    (void)arg;
    gone = list_nft_chain(table, "prerouting", &chain) && owner_gone(text_str(&chain));
    text_free(&chain);
    if (!gone)
        return 0;
    message_note("removing table inet %s, whose divert-run is gone", table);
    return delete_nft_table(table) ? 1 : -1;
}

int nft_sweep(void)
{
    return for_each_run(sweep_nft_table, NULL);
}

struct survey {
    struct filter_options *options;
    struct owner_tags *others;
};

/* The priority of its base chain is the place of a run. */
static int survey_nft_table(const char *table, void *arg)
{
    const struct survey *survey = arg;
    struct filter_options *options = survey->options;
    struct text chain = {0};
    const char *at;
    int priority;

    at =
        list_nft_chain(table, "prerouting", &chain) ? strstr(text_str(&chain), " priority ") : NULL;
    if (at && sscanf(at, " priority %d", &priority) == 1 && owner_read_tags(at, survey->others)) {
        bool tracked = priority >= NFT_PRIORITY_MANGLE;
        unsigned place = (unsigned)(priority - (tracked ? NFT_PRIORITY_MANGLE : NFT_PRIORITY_RAW));

        options->tracked |= tracked;
        options->place = place >= options->place ? place + 1 : options->place;
    }
    text_free(&chain);
    return 0;
}

void nft_survey(struct filter_options *options, struct owner_tags *others)
{
    for_each_run(survey_nft_table, &(struct survey){options, others});
}

bool nft_has_runs(void)
{
    struct filter_options options = {0};
    struct owner_tags others = {0};

    nft_survey(&options, &others);
    return others.runs > 0;
}
