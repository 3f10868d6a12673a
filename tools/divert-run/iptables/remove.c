/* SPDX-License-Identifier: BSD-2-Clause */
/* Removes the rules of this run, or those of dead runs. */
#include "iptables/private.h"
#include "util/message.h"
#include "util/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds the commands that remove run ID's jumps and chains from the table that LISTING shows. */
static void add_run_removal(const char *listing, const char *id, struct text *out)
{
    char *copy = copy_string(listing), *rest = copy, *line, found[5], chain[16];
    struct text deletions = {0};

    snprintf(chain, sizeof(chain), ":divert-%s-", id);
    while ((line = strsep(&rest, "\n"))) {
        if (iptables_line_jumps(line, found) && strcmp(found, id) == 0)
            text_add(out, "-D %s\n", line + 3);
        if (strncmp(line, chain, strlen(chain)) != 0)
            continue;
        text_add(out, "-F %.*s\n", (int)strcspn(line + 1, " "), line + 1);
        text_add(&deletions, "-X %.*s\n", (int)strcspn(line + 1, " "), line + 1);
    }
    text_add(out, "%s", text_str(&deletions));
    text_free(&deletions);
    free(copy);
}

/* Adds the removal of a chain left by a divert-run that was killed in kernel_takes_line(). */
static bool add_probe_removal(const char *line, struct text *out)
{
    char id[5];

    if (sscanf(line, "-A divert-probe-%4[0-9a-f] ", id) != 1 || !owner_gone(line))
        return false;
    text_add(out, "-F divert-probe-%s\n-X divert-probe-%s\n", id, id);
    return true;
}

/* Does OUT remove run ID already? Both hooks of a run may be in one table. */
static bool removal_has_run(const struct text *out, const char *id)
{
    char flush[24];

    snprintf(flush, sizeof(flush), "-F divert-%s-", id);
    return strstr(text_str(out), flush);
}

/* Adds the removal of run ID, or if that is NULL, of all runs whose owner has ended. Returns the
 * number of the latter. */
static int collect_removals(const char *listing, const char *id, struct text *out)
{
    char *copy = copy_string(listing), *rest = copy, *line, found[5];
    int runs = 0;

    if (id) {
        add_run_removal(listing, id, out);
    } else {
        while ((line = strsep(&rest, "\n"))) {
            runs += add_probe_removal(line, out);
            if (!iptables_line_jumps(line, found) || removal_has_run(out, found) ||
                !owner_gone(line))
                continue;
            add_run_removal(listing, found, out);
            runs++;
        }
    }
    free(copy);
    return runs;
}

/* Returns the number of leftovers found, or -1 if something could not be removed. */
static int remove_from_table(const struct iptables_tools *tools, int six, const char *table,
                             const char *id)
{
    struct text listing = {0}, lines = {0}, input = {0}, err = {0};
    int runs = 0;

    if (iptables_save(tools, six, table, &listing)) {
        runs = collect_removals(text_str(&listing), id, &lines);
    } else if (id) {
        message_error("%s cannot list the rules", tools->save[six]);
        runs = -1;
    }
    text_add(&input, "*%s\n%sCOMMIT\n", table, text_str(&lines));
    if (lines.len && iptables_restore(tools, six, text_str(&input), &err)) {
        message_error("%s could not remove rules: %s", tools->restore[six], text_str(&err));
        runs = -1;
    }
    text_free(&listing);
    text_free(&lines);
    text_free(&input);
    text_free(&err);
    return runs;
}

bool iptables_remove(const struct iptables_host *host, const char *id)
{
    bool removed = true;

    for (int i = 0; i < 4; i++) {
        if (host->families[i / 2])
            removed &= remove_from_table(host->tools, i / 2, iptables_tables[i % 2], id) >= 0;
    }
    return removed;
}

static int sweep_kind(const struct iptables_tools *tools)
{
    int swept = 0;

    for (int i = 0; i < 4; i++) {
        bool there = iptables_has_table(tools, i / 2, iptables_tables[i % 2]);
        int one = there ? remove_from_table(tools, i / 2, iptables_tables[i % 2], NULL) : 0;

        if (one > 0)
            message_note("removed what a killed divert-run left in %s's table %s",
                         i / 2 ? "ip6tables" : "iptables", iptables_tables[i % 2]);
        swept = one < 0 || swept < 0 ? -1 : swept + one;
    }
    return swept;
}

/* The plain names are links to one of the other two kinds. */
int iptables_sweep(void)
{
    int nft = sweep_kind(&iptables_kinds[KIND_NFT]),
        legacy = sweep_kind(&iptables_kinds[KIND_LEGACY]);

    return nft < 0 || legacy < 0 ? -1 : nft + legacy;
}
