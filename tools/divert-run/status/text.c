/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints the status for humans. */
#include "status/private.h"

#include <string.h>
#include <sys/socket.h>

#define NAME_WIDTH 43 /* of the column of names */

/* Strings that others chose may contain control sequences for terminals. */
void status_human_string(struct text *out, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c < ' ' || c > 126)
            text_add(out, "\\x%02x", c);
        else
            text_add(out, "%c", c);
    }
}

static void human_head(struct text *out, const struct status_socket *s)
{
    const struct status *c = &s->counters;
    const char *family = c->family == AF_INET6 ? "inet6" : "inet";

    if (c->port)
        text_add(out, "divert port %u, %s", c->port, family);
    else
        text_add(out, "divert socket without a port, %s", family);
    if (s->queue != c->port)
        text_add(out, ", queue %u", s->queue);
    else if (s->queues > 1)
        text_add(out, ", queues %u to %u", s->queue, s->queue + s->queues - 1);
    text_add(out, ": ");
    for (size_t i = 0; i < s->process_count; i++) {
        text_add(out, "%s", i ? ", " : "");
        status_human_string(out, s->processes[i].command);
        text_add(out, " (%d)", (int)s->processes[i].pid);
    }
    text_add(out, "\n");
}

static void human_rules(struct text *out, const struct status_list *list, unsigned port)
{
    for (size_t i = 0; i < list->rule_count; i++) {
        if (!port || list->rules[i].port != port)
            continue;
        text_add(out, "  %u ", list->rules[i].number);
        status_human_string(out, list->rules[i].text);
        text_add(out, "%s\n", list->rules[i].removed ? "  (not in the packet filter)" : "");
    }
}

static void human_count(struct text *out, const char *name, const struct status_count *count)
{
    text_add(out, "  %-*s %12llu %16llu\n", NAME_WIDTH, name, (unsigned long long)count->packets,
             (unsigned long long)count->bytes);
}

static void human_packets(struct text *out, const char *name, unsigned long long packets)
{
    text_add(out, "  %-*s %12llu\n", NAME_WIDTH, name, packets);
}

/* A number of the kernel's for the queue, which both families may share. */
static void human_of_queue(struct text *out, const char *name, bool shared,
                           unsigned long long packets)
{
    text_add(out, "  %s%-*s %12llu\n", name, NAME_WIDTH - (int)strlen(name),
             shared ? ", both families" : "", packets);
}

static void human_socket(struct text *out, const struct status_list *list,
                         const struct status_socket *s)
{
    const struct status *c = &s->counters;
    bool shared = status_shares_queue(list, s);

    human_head(out, s);
    human_rules(out, list, c->port);
    text_add(out, "  %-*s %12s %16s\n", NAME_WIDTH, "", "packets", "bytes");
    human_count(out, "read", &c->read);
    human_count(out, "  copies by tee", &c->copies);
    human_count(out, "written", &c->written);
    human_count(out, "  matched to one that was read", &c->fate[STATUS_MATCHED]);
    human_count(out, "  injected, outgoing", &c->fate[STATUS_INJECTED_OUT]);
    human_count(out, "  injected, incoming", &c->fate[STATUS_INJECTED_IN]);
    human_count(out, "  dropped: wrong header checksum", &c->fate[STATUS_BAD_CHECKSUM]);
    human_packets(out, "writes refused", c->refused);
    human_count(out, "dropped: not written in time", &c->expired);
    human_count(out, "dropped: too many not written", &c->evicted);
    human_packets(out, "dropped: a process was killed", c->abandoned);
    human_of_queue(out, "dropped: the queue was full", shared, s->queue_full);
    human_of_queue(out, "dropped: the buffer was full", shared, s->buffer_full);
    human_of_queue(out, "waiting to be read", shared, status_unread(list, s));
    human_packets(out, "waiting to be written", c->unwritten);
}

void status_text(const struct status_list *list, struct text *out)
{
    if (!list->count)
        text_add(out, "no divert sockets\n");
    for (size_t i = 0; i < list->count; i++) {
        text_add(out, "%s", i ? "\n" : "");
        human_socket(out, list, &list->sockets[i]);
    }
    status_text_runs(list, out);
}
