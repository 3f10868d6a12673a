/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs iptables-restore(8) and iptables-save(8), of the kind that works here. */
#include "iptables/dialect.h"
#include "tool.h"
#include "util/message.h"
#include "util/owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_PLAIN, KIND_NFT, KIND_LEGACY, KINDS };

static const struct iptables_tools kinds[KINDS] = {
    {{"iptables-restore", "ip6tables-restore"}, {"iptables-save", "ip6tables-save"}},
    {{"iptables-nft-restore", "ip6tables-nft-restore"},
     {"iptables-nft-save", "ip6tables-nft-save"}},
    {{"iptables-legacy-restore", "ip6tables-legacy-restore"},
     {"iptables-legacy-save", "ip6tables-legacy-save"}},
};

static int run_restore(const struct iptables_tools *tools, int six, const char *input,
                       struct text *err)
{
    const char *const argv[] = {tools->restore[six], "--wait", "--noflush", NULL};

    return tool_run(argv, input, NULL, err);
}

static bool run_save(const struct iptables_tools *tools, int six, const char *table,
                     struct text *out)
{
    const char *const argv[] = {tools->save[six], "-t", table, NULL};

    return tool_run(argv, NULL, out, NULL) == 0;
}

static void explain_restore_failure(const struct iptables_tools *tools, int six, int status,
                                    const struct text *err, struct text *why)
{
    if (status == -ENOENT)
        text_add(why, "%s is not installed", tools->restore[six]);
    else if (status < 0)
        text_add(why, "%s: %s", tools->restore[six], strerror(-status));
    else
        tool_first_line(text_str(err), why);
}

/* Does the kernel accept LINE? It is tried in a chain without references that names its owner. */
static bool kernel_takes_line(const struct iptables_tools *tools, int six, const char *table,
                              const char *line, struct text *why)
{
    struct text input = {0}, err = {0};
    char id[5], owner[128];
    int status;

    owner_new_id(id);
    owner_self(owner, sizeof(owner));
    text_add(&input,
             "*%s\n:divert-probe-%s -\n"
             "-A divert-probe-%s -m comment --comment \"%s\" %s\nCOMMIT\n",
             table, id, id, owner, line);
    status = run_restore(tools, six, text_str(&input), &err);
    if (status)
        explain_restore_failure(tools, six, status, &err, why);
    text_free(&input);
    text_add(&input, "*%s\n-F divert-probe-%s\n-X divert-probe-%s\nCOMMIT\n", table, id, id);
    if (!status)
        run_restore(tools, six, text_str(&input), NULL);
    text_free(&input);
    text_free(&err);
    return status == 0;
}

static void probe_matches(const struct iptables_tools *tools, struct filter_options *options)
{
    struct text why = {0};
    static const char bpf[] = "-m bpf --bytecode \"1,6 0 0 0\"";

    if (!kernel_takes_line(tools, 0, "mangle", bpf, &why))
        options->no_bpf = true;
    if (!kernel_takes_line(tools, 0, "raw", "-m socket", &why)) {
        options->no_defrag = true;
        message_warning(
            "fragments will not be reassembled: iptables' socket match is not there (%s)",
            text_str(&why));
    }
    text_free(&why);
}

bool iptables_probe(struct iptables_host *host, struct filter_options *options, bool need_six,
                    struct text *why)
{
    static const char queue[] = "-j NFQUEUE --queue-num 1";
    struct text ignored = {0};

    for (int i = KIND_PLAIN; i < KINDS; i++) {
        bool six;

        text_free(why);
        if (!kernel_takes_line(&kinds[i], 0, "mangle", queue, why))
            continue;
        host->tools = &kinds[i];
        six = kernel_takes_line(&kinds[i], 1, "mangle", queue, need_six ? why : &ignored);
        if (need_six && !six)
            continue;
        if (host->families[1] && !six)
            message_note("no IPv6 here (%s): the rules hold for IPv4 only", text_str(&ignored));
        host->families[1] = host->families[1] && six;
        probe_matches(host->tools, options);
        text_free(&ignored);
        return true;
    }
    text_free(&ignored);
    return false;
}

int iptables_install(const struct iptables_host *host, int family, const char *ruleset)
{
    struct text err = {0}, why = {0};
    int six = family == 6;
    int status = run_restore(host->tools, six, ruleset, &err);

    if (status) {
        explain_restore_failure(host->tools, six, status, &err, &why);
        message_error("%s refused the rules: %s", host->tools->restore[six], text_str(&why));
    }
    text_free(&err);
    text_free(&why);
    return status ? STATUS_FAILED : 0;
}

bool iptables_id_taken(const struct iptables_host *host, const char *id)
{
    char name[16];
    bool taken = false;

    snprintf(name, sizeof(name), ":divert-%s-", id);
    for (int i = 0; i < 4; i++) {
        struct text listing = {0};

        if (host->families[i / 2] && run_save(host->tools, i / 2, iptables_tables[i % 2], &listing))
            taken = taken || strstr(text_str(&listing), name);
        text_free(&listing);
    }
    return taken;
}

enum jump { JUMP_OTHER, JUMP_LIST, JUMP_END };

static bool line_in_base_chain(const char *line, enum hook hook)
{
    char base[32];

    snprintf(base, sizeof(base), "-A %s ", iptables_base_chains[hook]);
    return strncmp(line, base, strlen(base)) == 0;
}

static bool line_in_any_base_chain(const char *line)
{
    return line_in_base_chain(line, HOOK_IN) || line_in_base_chain(line, HOOK_OUT);
}

/* Which chain of a run LINE jumps to, if any. Gives the id of the run. */
static enum jump jump_of_line(const char *line, char id[5])
{
    const char *jump = strstr(line, " -j divert-");
    char tail[8];

    if (!jump || !line_in_any_base_chain(line) ||
        sscanf(jump, " -j divert-%4[0-9a-f]-%7s", id, tail) != 2)
        return JUMP_OTHER;
    if (strcmp(tail, "end") == 0)
        return JUMP_END;
    return strcmp(tail, line_in_base_chain(line, HOOK_IN) ? "in" : "out") != 0 ? JUMP_OTHER
                                                                               : JUMP_LIST;
}

/* Reads the tags of a run from the comment of its jump. False: it uses another mask. */
static bool read_tags_of_run(struct filter_options *options, const char *line)
{
    const char *at = strstr(line, " tags=");
    unsigned first, last, mask;

    if (!at || sscanf(at, " tags=%u-%u/%x", &first, &last, &mask) != 3)
        return true;
    if (last > options->tag_base)
        options->tag_base = last;
    return mask == options->mark_mask;
}

static void survey_chain(struct filter_options *options, int six, enum hook hook,
                         const char *listing)
{
    unsigned at = 0, last_list = 0, last_end = 0;
    char *copy = copy_string(listing), *rest = copy, *line, id[5];

    while ((line = strsep(&rest, "\n"))) {
        enum jump jump = jump_of_line(line, id);

        if (!line_in_base_chain(line, hook))
            continue;
        at++;
        if (jump == JUMP_LIST)
            last_list = at;
        if (jump == JUMP_END)
            last_end = at;
    }
    options->list_at[six][hook] = last_list + 1;
    options->end_at[six][hook] = (last_end > last_list ? last_end : last_list) + 2;
    free(copy);
}

static bool survey_tags(struct filter_options *options, const char *listing)
{
    char *copy = copy_string(listing), *rest = copy, *line, id[5];
    bool same_mask = true;

    while ((line = strsep(&rest, "\n"))) {
        if (jump_of_line(line, id) == JUMP_LIST)
            same_mask = read_tags_of_run(options, line) && same_mask;
    }
    free(copy);
    return same_mask;
}

int iptables_survey(const struct iptables_host *host, struct filter_options *options, bool tracks)
{
    bool same_mask = true;

    for (int i = 0; i < 4; i++) {
        struct text listing = {0};

        if (!host->families[i / 2] ||
            !run_save(host->tools, i / 2, iptables_tables[i % 2], &listing))
            continue;
        same_mask = survey_tags(options, text_str(&listing)) && same_mask;
        for (int hook = HOOK_IN; hook <= HOOK_OUT; hook++) {
            if ((int)iptables_table_of((enum hook)hook, tracks) == i % 2)
                survey_chain(options, i / 2, (enum hook)hook, text_str(&listing));
        }
        text_free(&listing);
    }
    if (same_mask)
        return 0;
    message_error(
        "another divert-run has its tags elsewhere in the packet mark than 0x%08x; give both "
        "the same --mark-mask",
        options->mark_mask);
    return STATUS_FAILED;
}

/* Adds the commands that remove run ID's jumps and chains from the table that LISTING shows. */
static void add_run_removal(const char *listing, const char *id, struct text *out)
{
    char *copy = copy_string(listing), *rest = copy, *line, found[5], chain[16];
    struct text deletions = {0};

    snprintf(chain, sizeof(chain), ":divert-%s-", id);
    while ((line = strsep(&rest, "\n"))) {
        if (jump_of_line(line, found) != JUMP_OTHER && strcmp(found, id) == 0)
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

/* Adds the removal of the chain that a divert-run left which was killed in kernel_takes_line(). */
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
            if (jump_of_line(line, found) != JUMP_LIST || removal_has_run(out, found) ||
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

    if (run_save(tools, six, table, &listing)) {
        runs = collect_removals(text_str(&listing), id, &lines);
    } else if (id) {
        message_error("%s cannot list the rules", tools->save[six]);
        runs = -1;
    }
    text_add(&input, "*%s\n%sCOMMIT\n", table, text_str(&lines));
    if (lines.len && run_restore(tools, six, text_str(&input), &err)) {
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

/*
 * Asking iptables-legacy-save for a table would create it, and iptables-nft would warn about it
 * from then on.
 */
static bool legacy_has_table(int six, const char *table)
{
    FILE *file = fopen(six ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names", "re");
    char line[64];
    bool has = false;

    while (file && !has && fgets(line, sizeof(line), file))
        has = strncmp(line, table, strlen(table)) == 0 && line[strlen(table)] == '\n';
    if (file)
        fclose(file);
    return has;
}

static int sweep_kind(const struct iptables_tools *tools)
{
    int swept = 0;

    for (int i = 0; i < 4; i++) {
        bool there =
            tools != &kinds[KIND_LEGACY] || legacy_has_table(i / 2, iptables_tables[i % 2]);
        int one = there ? remove_from_table(tools, i / 2, iptables_tables[i % 2], NULL) : 0;

        if (one > 0)
            message_note("removed what a dead divert-run left in %s's table %s",
                         i / 2 ? "ip6tables" : "iptables", iptables_tables[i % 2]);
        swept = one < 0 || swept < 0 ? -1 : swept + one;
    }
    return swept;
}

/* The plain names are links to one of the other two kinds. */
int iptables_sweep(void)
{
    int nft = sweep_kind(&kinds[KIND_NFT]), legacy = sweep_kind(&kinds[KIND_LEGACY]);

    return nft < 0 || legacy < 0 ? -1 : nft + legacy;
}
