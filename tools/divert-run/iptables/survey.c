/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads from the listed tables where the rules of other runs are. */
#include "iptables/private.h"
#include "util/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

enum iptables_jump iptables_jump_of_line(const char *line, char id[5])
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
        enum iptables_jump jump = iptables_jump_of_line(line, id);

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
        if (iptables_jump_of_line(line, id) == JUMP_LIST)
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
            !iptables_save(host->tools, i / 2, iptables_tables[i % 2], &listing))
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
