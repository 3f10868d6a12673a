/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks the kernel every second whether the packet filter has been changed, and only then its tools.
 */
#include "guard.h"

#include "status/status.h"
#include "util/message.h"

static struct {
    struct filter *filter;
    const struct ruleset *rules;
    bool restore, removed;
    unsigned times; /* number of times that the rules were found removed */
} guard;

bool guard_watches(void)
{
    return guard.filter;
}

static void publish(bool removed)
{
    const struct status_place place = {filter_lister(guard.filter), guard.filter->options.id,
                                       &guard.filter->counters, guard.filter->options.tag_base};

    guard.removed = removed;
    status_publish_rules(guard.rules, &place, removed);
}

void guard_watch(struct filter *filter, const struct ruleset *rules, bool restore)
{
    guard.filter = filter;
    guard.rules = rules;
    guard.restore = restore;
    publish(false);
}

/* Only the first removal is a warning: a firewall may be reloaded every minute. */
static void report_removed(void)
{
    const char *next = guard.restore ? "they are put back" : "nothing is diverted any more";

    if (guard.times++ == 0)
        message_warning("somebody removed the rules from the packet filter; %s", next);
    else
        message_note("somebody removed the rules again; %s", next);
}

void guard_look(void)
{
    bool in_place;

    if (!guard.filter || !filter_changed(guard.filter))
        return;
    in_place = filter_in_place(guard.filter);
    if (in_place && guard.removed)
        publish(false);
    if (in_place)
        return;
    if (!guard.removed)
        report_removed();
    if (guard.restore && filter_restore(guard.filter, guard.rules) == 0)
        publish(false);
    else if (!guard.removed)
        publish(true);
}
