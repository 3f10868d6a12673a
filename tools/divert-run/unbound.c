/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds out which divert ports are bound: the kernel lists the queues that have a listener, and the
 * NFLOG groups, which receive the copies of tee rules. Looks are counted instead of seconds,
 * because the command may be stopped together with this process.
 */
#include "unbound.h"

#include "util/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORTS 65536
#define LOOKS 6 /* consecutive, a second apart, before a port */

struct watched_port {
    const struct rule *rule; /* the first that uses it */
    unsigned unbound;        /* looks in a row */
    bool was_bound, reported;
};

/* A table of the kernel, with a number at the beginning of each line. */
struct table {
    const char *path;
    bool visible;
    unsigned char bound[PORTS / 8];
};

static struct {
    struct watched_port *ports;
    size_t count;
    unsigned base, listeners;
    struct table queues, groups;
} watch = {
    .queues.path = "/proc/net/netfilter/nfnetlink_queue",
    .groups.path = "/proc/net/netfilter/nfnetlink_log",
};

/* A divert rule takes precedence over a tee rule for the same port. */
static void watch_rule(const struct rule *rule)
{
    for (size_t i = 0; i < watch.count; i++) {
        const struct rule **other = &watch.ports[i].rule;

        if ((*other)->argument != rule->argument)
            continue;
        if ((*other)->action == RULE_TEE && rule->action == RULE_DIVERT)
            *other = rule;
        return;
    }
    watch.ports = grow_array(watch.ports, watch.count + 1, sizeof(*watch.ports));
    watch.ports[watch.count++] = (struct watched_port){.rule = rule};
}

void unbound_watch(const struct ruleset *rules, unsigned base, unsigned listeners)
{
    watch.base = base;
    watch.listeners = listeners;
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];

        if (rule->action == RULE_DIVERT || rule->action == RULE_TEE)
            watch_rule(rule);
    }
}

/*
 * The table does not exist before its module is loaded; then nobody has bound anything. Root of a
 * user namespace may not read it.
 */
static void read_bound(struct table *table)
{
    FILE *file = fopen(table->path, "re");
    char line[256];
    unsigned number;

    memset(table->bound, 0, sizeof(table->bound));
    table->visible = file || (errno == ENOENT && access("/proc/net/netfilter", F_OK) == 0);
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%u", &number) == 1 && number < PORTS)
            table->bound[number / 8] |= (unsigned char)(1U << number % 8);
    }
    if (file)
        fclose(file);
}

static unsigned count_bound(const struct table *table, unsigned first, unsigned count)
{
    unsigned bound = 0;

    for (unsigned n = first; n < first + count && n < PORTS; n++)
        bound += table->bound[n / 8] >> n % 8 & 1;
    return bound;
}

static void report_unbound(const struct watched_port *port, unsigned bound, unsigned wanted)
{
    const struct rule *rule = port->rule;
    const char *more = port->was_bound ? " any more" : "";
    const char *lost =
        rule->action == RULE_TEE ? "copies to it are lost" : "packets to it are dropped";
    unsigned number = rule->number - watch.base;

    if (bound)
        message_warning("rule %u: '%s': only %u of the %u listeners of divert port %u are there%s; "
                        "packets to the others are dropped",
                        number, rule->text, bound, wanted, rule->argument, more);
    else
        message_warning("rule %u: '%s': nobody has bound divert port %u%s; %s", number, rule->text,
                        rule->argument, more, lost);
}

static void look_at_port(struct watched_port *port)
{
    const struct rule *rule = port->rule;
    const struct table *table = rule->action == RULE_TEE ? &watch.groups : &watch.queues;
    unsigned wanted = rule->action == RULE_TEE ? 1 : watch.listeners;
    unsigned bound = count_bound(table, rule->argument, wanted);

    if (!table->visible)
        port->reported = true; /* nothing can be seen, so nothing is reported */
    if (port->reported)
        return;
    port->unbound = bound == wanted ? 0 : port->unbound + 1;
    if (bound == wanted)
        port->was_bound = true;
    if (port->unbound < LOOKS)
        return;
    report_unbound(port, bound, wanted);
    port->reported = true;
}

void unbound_look(void)
{
    if (!watch.count)
        return;
    read_bound(&watch.queues);
    read_bound(&watch.groups);
    for (size_t i = 0; i < watch.count; i++)
        look_at_port(&watch.ports[i]);
}
