/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs iptables-restore(8) and iptables-save(8), of the kind that works here. */
#include "iptables/private.h"
#include "util/message.h"
#include "util/owner.h"
#include "util/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct iptables_tools iptables_kinds[KINDS] = {
    {{"iptables-restore", "ip6tables-restore"}, {"iptables-save", "ip6tables-save"}},
    {{"iptables-nft-restore", "ip6tables-nft-restore"},
     {"iptables-nft-save", "ip6tables-nft-save"}},
    {{"iptables-legacy-restore", "ip6tables-legacy-restore"},
     {"iptables-legacy-save", "ip6tables-legacy-save"}},
};

int iptables_restore(const struct iptables_tools *tools, int six, const char *input,
                     struct text *err)
{
    const char *const argv[] = {tools->restore[six], "--wait", "--noflush", NULL};

    return tool_run(argv, input, NULL, err);
}

bool iptables_save(const struct iptables_tools *tools, int six, const char *table, struct text *out)
{
    const char *const argv[] = {tools->save[six], "-t", table, NULL};

    return tool_run(argv, NULL, out, NULL) == 0;
}

/*
 * Asking iptables-legacy-save for a table would create it, and iptables-nft would warn about it
 * from then on.
 */
bool iptables_has_table(const struct iptables_tools *tools, int six, const char *table)
{
    bool legacy = tools == &iptables_kinds[KIND_LEGACY], has = !legacy;
    FILE *file = NULL;
    char line[64];

    if (legacy)
        file = fopen(six ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names", "re");
    while (file && !has && fgets(line, sizeof(line), file))
        has = strncmp(line, table, strlen(table)) == 0 && line[strlen(table)] == '\n';
    if (file)
        fclose(file);
    return has;
}

bool iptables_list_counters(const char *save, int family, struct text *out)
{
    const struct iptables_tools *tools = iptables_kinds, *end = iptables_kinds + KINDS;
    int six = family == 6;
    bool listed = true;

    while (tools < end && strcmp(tools->save[0], save) != 0)
        tools++;
    for (int i = TABLE_RAW; tools < end && i <= TABLE_MANGLE; i++) {
        const char *const argv[] = {tools->save[six], "-c", "-t", iptables_tables[i], NULL};

        if (iptables_has_table(tools, six, iptables_tables[i]))
            listed = tool_run(argv, NULL, out, NULL) == 0 && listed;
    }
    return tools < end && listed;
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
    status = iptables_restore(tools, six, text_str(&input), &err);
    if (status)
        tool_failure(tools->restore[six], status, &err, why);
    text_free(&input);
    text_add(&input, "*%s\n-F divert-probe-%s\n-X divert-probe-%s\nCOMMIT\n", table, id, id);
    if (!status)
        iptables_restore(tools, six, text_str(&input), NULL);
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

/* If no kind works, the reason is that of the first installed one. */
static bool probe_queue(const struct iptables_tools *tools, int six, struct text *why)
{
    struct text reason = {0};
    bool works = kernel_takes_line(tools, six, "mangle", "-j NFQUEUE --queue-num 1", &reason);

    if (!works && !why->len && tool_installed(tools->restore[six]))
        text_add(why, "%s", text_str(&reason));
    text_free(&reason);
    return works;
}

bool iptables_probe(struct iptables_host *host, struct filter_options *options, bool need_six,
                    struct text *why)
{
    struct text ignored = {0};

    for (int i = KIND_PLAIN; i < KINDS; i++) {
        bool six;

        if (!probe_queue(&iptables_kinds[i], 0, why))
            continue;
        host->tools = &iptables_kinds[i];
        six = probe_queue(&iptables_kinds[i], 1, need_six ? why : &ignored);
        if (need_six && !six)
            continue;
        if (host->families[1] && !six)
            message_note("no IPv6 here (%s): the rules apply to IPv4 only", text_str(&ignored));
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
    int status = iptables_restore(host->tools, six, ruleset, &err);

    if (status) {
        tool_failure(host->tools->restore[six], status, &err, &why);
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

        if (host->families[i / 2] &&
            iptables_save(host->tools, i / 2, iptables_tables[i % 2], &listing))
            taken = taken || strstr(text_str(&listing), name);
        text_free(&listing);
    }
    return taken;
}
