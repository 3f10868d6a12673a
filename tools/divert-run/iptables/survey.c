/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the rules of other runs in the listed tables. */
#include "iptables/private.h"
#include "util/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool line_in_base_chain(const char *line, enum hook hook)
{
    char base[32];

    snprintf(base, sizeof(base), "-A %s ", iptables_base_chains[hook]);
    return strncmp(line, base, strlen(base)) == 0;
}

/*
 * Is it the jump to the list of a run in that hook, and not to somebody else's chain with such a
 * name?
 */
static bool line_jumps_to_list(const char *line, enum hook hook, char id[5])
{
    const char *jump = strstr(line, " -j divert-");
    char tail[8];

    return jump && owner_named(line) && line_in_base_chain(line, hook) &&
           sscanf(jump, " -j divert-%4[0-9a-f]-%7s", id, tail) == 2 &&
           strcmp(tail, hook == HOOK_IN ? "in" : "out") == 0;
}

bool iptables_line_jumps(const char *line, char id[5])
{
    return line_jumps_to_list(line, HOOK_IN, id) || line_jumps_to_list(line, HOOK_OUT, id);
}

static bool table_has_runs(const struct iptables_tools *tools, int six, const char *table)
{
    struct text listing = {0};
    char *rest, *line, id[5];
    bool has = false;

    if (iptables_has_table(tools, six, table) && iptables_save(tools, six, table, &listing)) {
        rest = listing.s;
        while (!has && (line = strsep(&rest, "\n")))
            has = iptables_line_jumps(line, id);
    }
    text_free(&listing);
    return has;
}

bool iptables_has_runs(void)
{
    bool has = false;

    for (int kind = KIND_NFT; kind < KINDS && !has; kind++) {
        for (int i = 0; i < 4 && !has; i++)
            has = table_has_runs(&iptables_kinds[kind], i / 2, iptables_tables[i % 2]);
    }
    return has;
}

static bool chain_has_run(const char *listing, enum hook hook, const char *id)
{
    char *copy = copy_string(listing), *rest = copy, *line, found[5];
    bool has = false;

    while (!has && (line = strsep(&rest, "\n")))
        has = line_jumps_to_list(line, hook, found) && strcmp(found, id) == 0;
    free(copy);
    return has;
}

bool iptables_in_place(const struct iptables_host *host, const struct filter_options *options)
{
    bool in_place = true;

    for (int i = 0; i < 4 && in_place; i++) {
        enum hook hook = (enum hook)(i % 2);
        const char *table = iptables_tables[iptables_table_of(hook, options->tracked)];
        struct text listing = {0};

        if (host->families[i / 2])
            in_place = iptables_save(host->tools, i / 2, table, &listing) &&
                       chain_has_run(text_str(&listing), hook, options->id);
        text_free(&listing);
    }
    return in_place;
}

/* Positions behind the last list in each base chain; 0 where there is none. */
struct places {
    unsigned in[2], out[2]; /* indexed by enum table */
};

static void survey_chain(const char *listing, enum hook hook, unsigned *behind,
                         struct owner_tags *others)
{
    char *copy = copy_string(listing), *rest = copy, *line, id[5];
    unsigned at = 0;

    while ((line = strsep(&rest, "\n"))) {
        at += line_in_base_chain(line, hook);
        if (!line_jumps_to_list(line, hook, id))
            continue;
        if (owner_read_tags(line, others) < others->before)
            *behind = at + 1;
    }
    free(copy);
}

static void survey_family(const struct iptables_host *host, int six, struct places *places,
                          struct owner_tags *others)
{
    for (int table = TABLE_RAW; table <= TABLE_MANGLE; table++) {
        struct text listing = {0};

        if (iptables_save(host->tools, six, iptables_tables[table], &listing)) {
            survey_chain(text_str(&listing), HOOK_IN, &places->in[table], others);
            survey_chain(text_str(&listing), HOOK_OUT, &places->out[table], others);
        }
        text_free(&listing);
    }
}

void iptables_survey(const struct iptables_host *host, struct filter_options *options,
                     struct owner_tags *others)
{
    struct places places[2] = {0};

    for (int six = 0; six < 2; six++) {
        if (host->families[six])
            survey_family(host, six, &places[six], others);
        options->tracked |= places[six].in[TABLE_MANGLE] > 0;
    }
    for (int six = 0; six < 2; six++) {
        enum table in = iptables_table_of(HOOK_IN, options->tracked);

        options->list_at[six][HOOK_IN] = places[six].in[in];
        options->list_at[six][HOOK_OUT] = places[six].out[TABLE_MANGLE];
    }
}
