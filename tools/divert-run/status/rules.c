/* SPDX-License-Identifier: BSD-2-Clause */
/* Publishes and reads the rules of running divert-runs: sealed memfds with lines "PORT RULE",
 * or "PORT!RULE" for a rule that somebody has removed. */
#include "status/private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULES_MAX (4 << 20) /* bytes: 65534 rules fit */
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

void status_publish_rules(const struct ruleset *rules, unsigned base, bool removed)
{
    struct text lines = {0};

    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];

        if (rule->action != RULE_DIVERT && rule->action != RULE_TEE)
            continue;
        text_add(&lines, "%u%c%u %s\n", rule->argument, removed ? '!' : ' ', rule->number - base,
                 rule->text);
    }
    if (lines.len)
        publish_lines(lines.s, lines.len);
    text_free(&lines);
}

static void add_published_rule(struct status_list *list, const char *line)
{
    char *text;
    unsigned long port = strtoul(line, &text, 10);

    if (text == line || (*text != ' ' && *text != '!') || port > 65535)
        return;
    list->rules = grow_array(list->rules, list->rule_count + 1, sizeof(*list->rules));
    list->rules[list->rule_count++] =
        (struct status_rule){(unsigned)port, *text == '!', copy_string(text + 1)};
}

void status_read_rules(struct status_list *list, int fd)
{
    struct stat st;
    char *lines, *line, *rest;
    ssize_t len;

    if (fstat(fd, &st) < 0 || st.st_uid != 0 || st.st_size > RULES_MAX ||
        (fcntl(fd, F_GET_SEALS) & FINAL) != FINAL)
        return;
    lines = grow_array(NULL, (size_t)st.st_size + 1, 1);
    len = pread(fd, lines, (size_t)st.st_size, 0);
    lines[len > 0 ? len : 0] = '\0';
    for (rest = lines; (line = strsep(&rest, "\n"));)
        add_published_rule(list, line);
    free(lines);
}
