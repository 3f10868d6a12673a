/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints the status as JSON. */
#include "status/private.h"

#include <sys/socket.h>
#include <time.h>

/*
 * Names and rules may contain any bytes; those beyond ASCII may be invalid UTF-8, and are replaced.
 */
void status_json_string(struct text *out, const char *s)
{
    text_add(out, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\')
            text_add(out, "\\%c", c);
        else if (c < ' ' || c == 127)
            text_add(out, "\\u%04x", c);
        else if (c > 127)
            text_add(out, "\\ufffd");
        else
            text_add(out, "%c", c);
    }
    text_add(out, "\"");
}

static void json_count(struct text *out, const char *name, const struct status_count *count)
{
    text_add(out, ",\"%s\":{\"packets\":%llu,\"bytes\":%llu}", name,
             (unsigned long long)count->packets, (unsigned long long)count->bytes);
}

static void json_processes(struct text *out, const struct status_socket *s)
{
    text_add(out, ",\"pid\":%d,\"command\":", (int)s->processes[0].pid);
    status_json_string(out, s->processes[0].command);
    text_add(out, ",\"processes\":[");
    for (size_t i = 0; i < s->process_count; i++) {
        text_add(out, "%s{\"pid\":%d,\"command\":", i ? "," : "", (int)s->processes[i].pid);
        status_json_string(out, s->processes[i].command);
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void json_rules(struct text *out, const struct status_list *list, unsigned port,
                       bool removed)
{
    bool first = true;

    text_add(out, ",\"%s\":[", removed ? "removed_rules" : "rules");
    for (size_t i = 0; i < list->rule_count; i++) {
        struct text text = {0};

        if (!port || list->rules[i].port != port || list->rules[i].removed != removed)
            continue;
        text_add(out, "%s", first ? "" : ",");
        text_add(&text, "%u %s", list->rules[i].number, list->rules[i].text);
        status_json_string(out, text_str(&text));
        text_free(&text);
        first = false;
    }
    text_add(out, "]");
}

static void json_socket(struct text *out, const struct status_list *list,
                        const struct status_socket *s)
{
    const struct status *c = &s->counters;

    text_add(out, "{\"port\":%u,\"family\":\"%s\"", c->port,
             c->family == AF_INET6 ? "inet6" : "inet");
    json_processes(out, s);
    text_add(out, ",\"queue\":%u,\"queues\":%u", s->queue, s->queues);
    json_rules(out, list, c->port, false);
    json_rules(out, list, c->port, true);
    json_count(out, "read", &c->read);
    json_count(out, "copies", &c->copies);
    json_count(out, "written", &c->written);
    json_count(out, "matched", &c->fate[STATUS_MATCHED]);
    json_count(out, "injected_out", &c->fate[STATUS_INJECTED_OUT]);
    json_count(out, "injected_in", &c->fate[STATUS_INJECTED_IN]);
    json_count(out, "bad_checksum", &c->fate[STATUS_BAD_CHECKSUM]);
    json_count(out, "expired", &c->expired);
    json_count(out, "evicted", &c->evicted);
    text_add(out, ",\"refused\":%llu,\"abandoned\":%llu", (unsigned long long)c->refused,
             (unsigned long long)c->abandoned);
    text_add(out, ",\"queue_full\":%llu,\"buffer_full\":%llu", s->queue_full, s->buffer_full);
    text_add(out, ",\"unread\":%llu,\"unwritten\":%llu,\"shared\":%s}", status_unread(list, s),
             (unsigned long long)c->unwritten, status_shares_queue(list, s) ? "true" : "false");
}

void status_json(const struct status_list *list, struct text *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    text_add(out, "{\"time\":%lld.%06ld,\"sockets\":[", (long long)now.tv_sec, now.tv_nsec / 1000);
    for (size_t i = 0; i < list->count; i++) {
        text_add(out, "%s", i ? "," : "");
        json_socket(out, list, &list->sockets[i]);
    }
    text_add(out, "]");
    status_json_runs(list, out);
    text_add(out, "}\n");
}
