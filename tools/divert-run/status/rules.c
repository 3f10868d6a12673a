/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Publishes and reads the rules of running divert-runs: sealed memfds with lines of
 *
 * - run LISTER ID PLACE: the first one, with the program that lists the rules; PLACE is "present",
 *   or "removed" if somebody has removed them;
 * - rule PORT NUMBER MAKES FLOW TEXT: PORT is 0 for a rule that sends no packets to one; MAKES is
 *   an enum status_makes; FLOW is "-" without a name;
 * - at FAMILY CHAIN ROW: where the rule before it counts, see struct counter.
 */
#include "status/private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULES_MAX (64 << 20) /* bytes: 65534 rules fit */
#define FINAL     (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

static void publish_lines(const char *lines, size_t len)
{
    static int published = -1;
    int fd = memfd_create(STATUS_RULES_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return;
    if (fchmod(fd, 0600) < 0 || write(fd, lines, len) != (ssize_t)len ||
        fcntl(fd, F_ADD_SEALS, FINAL | F_SEAL_SEAL) < 0) {
        close(fd);
        return;
    }
    if (published >= 0)
        close(published);
    published = fd;
}

static enum status_makes what_it_makes(const struct rule *rule)
{
    if (!rule->state.makes)
        return MAKES_NONE;
    return rule->state.limit ? MAKES_LIMIT : MAKES_STATE;
}

static void publish_rule(const struct rule *rule, const struct status_place *place,
                         struct text *lines)
{
    bool queues = rule->action == RULE_DIVERT || rule->action == RULE_TEE;
    size_t count;
    const struct counter *counters = counters_of_rule(place->counters, rule, &count);

    text_add(lines, "rule %u %u %d %s %s\n", queues ? rule->argument : 0,
             rule_shown_number(rule, place->base), what_it_makes(rule),
             *rule->state.flow ? rule->state.flow : "-", rule->text);
    for (size_t i = 0; i < count; i++)
        text_add(lines, "at %d %s %u\n", counters[i].family, counters[i].chain, counters[i].row);
}

void status_publish_rules(const struct ruleset *rules, const struct status_place *place,
                          bool removed)
{
    struct text lines = {0};

    text_add(&lines, "run %s %s %s\n", place->lister, place->id, removed ? "removed" : "present");
    for (size_t i = 0; i < rules->count; i++)
        publish_rule(rules->rules[i], place, &lines);
    publish_lines(lines.s, lines.len);
    text_free(&lines);
}

static bool add_run(struct status_list *list, pid_t pid, unsigned long long memory,
                    const char *line, bool *removed)
{
    struct status_run run = {.pid = pid, .memory = memory, .first = list->rule_count};
    char place[8];

    if (sscanf(line, "run %31s %4[0-9a-f] %7s", run.lister, run.id, place) != 3)
        return false;
    *removed = strcmp(place, "removed") == 0;
    list->runs = grow_array(list->runs, list->run_count + 1, sizeof(*list->runs));
    list->runs[list->run_count++] = run;
    return true;
}

static void add_published_rule(struct status_list *list, const char *line, bool removed)
{
    struct status_run *run = &list->runs[list->run_count - 1];
    struct status_rule rule = {.removed = removed, .first = run->counter_count};
    unsigned makes;
    int end = 0;

    if (sscanf(line, "rule %u %u %u %63s%n", &rule.port, &rule.number, &makes, rule.flow, &end) !=
            4 ||
        line[end] != ' ' || rule.port > 65535 || rule.number > 65535 || makes > MAKES_LIMIT)
        return;
    rule.makes = (enum status_makes)makes;
    if (strcmp(rule.flow, "-") == 0)
        rule.flow[0] = '\0';
    rule.text = copy_string(line + end + 1);
    list->rules = grow_array(list->rules, list->rule_count + 1, sizeof(*list->rules));
    list->rules[list->rule_count++] = rule;
    run->rules++;
}

static void add_published_counter(struct status_list *list, const char *line)
{
    struct status_run *run = &list->runs[list->run_count - 1];
    struct status_counter counter = {0};

    if (!run->rules ||
        sscanf(line, "at %d %28s %u", &counter.family, counter.chain, &counter.row) != 3)
        return;
    run->counters = grow_array(run->counters, run->counter_count + 1, sizeof(*run->counters));
    run->counters[run->counter_count++] = counter;
    list->rules[list->rule_count - 1].places++;
}

static bool is_known_run(const struct status_list *list, unsigned long long memory)
{
    for (size_t i = 0; i < list->run_count; i++) {
        if (list->runs[i].memory == memory)
            return true;
    }
    return false;
}

static void read_lines(struct status_list *list, pid_t pid, unsigned long long memory, char *lines)
{
    char *line = strsep(&lines, "\n");
    bool removed = false;

    if (!add_run(list, pid, memory, line, &removed))
        return;
    while ((line = strsep(&lines, "\n"))) {
        if (strncmp(line, "rule ", 5) == 0)
            add_published_rule(list, line, removed);
        else
            add_published_counter(list, line);
    }
}

void status_read_rules(struct status_list *list, pid_t pid, int fd)
{
    struct stat st;
    char *lines;
    ssize_t len;

    if (fstat(fd, &st) < 0 || st.st_uid != 0 || st.st_size > RULES_MAX ||
        (fcntl(fd, F_GET_SEALS) & FINAL) != FINAL || is_known_run(list, st.st_ino))
        return;
    lines = grow_array(NULL, (size_t)st.st_size + 1, 1);
    len = pread(fd, lines, (size_t)st.st_size, 0);
    lines[len > 0 ? len : 0] = '\0';
    read_lines(list, pid, st.st_ino, lines);
    free(lines);
}
