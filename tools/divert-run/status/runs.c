/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints the counts of the rules, and the dynamic rules, as `ipfw -d show` does. */
#include "status/private.h"

#include <netdb.h>
#include <stdio.h>

/* ---- for humans ---- */

/* How wide the columns are. */
struct widths {
    int packets, bytes;
};

static int number_width(unsigned long long number)
{
    return snprintf(NULL, 0, "%llu", number);
}

static void widen(struct widths *widths, const struct status_count *count)
{
    int packets = number_width(count->packets), bytes = number_width(count->bytes);

    if (packets > widths->packets)
        widths->packets = packets;
    if (bytes > widths->bytes)
        widths->bytes = bytes;
}

static void human_columns(struct text *out, const struct widths *widths, bool counted,
                          const struct status_count *count)
{
    if (counted)
        text_add(out, "%*llu %*llu ", widths->packets, (unsigned long long)count->packets,
                 widths->bytes, (unsigned long long)count->bytes);
    else
        text_add(out, "%*s %*s ", widths->packets, "-", widths->bytes, "-");
}

static void human_protocol(struct text *out, unsigned number)
{
    const struct protoent *proto = getprotobynumber((int)number);

    if (proto)
        text_add(out, "%s", proto->p_name);
    else
        text_add(out, "proto %u", number);
}

static void human_state(struct text *out, const struct status_rule *rule,
                        const struct listing_state *s, const struct widths *widths)
{
    text_add(out, "%05u ", rule->number);
    human_columns(out, widths, true, &s->count);
    text_add(out, "(%us) %s ", s->seconds, rule->makes == MAKES_LIMIT ? "LIMIT" : "STATE");
    human_protocol(out, s->proto);
    text_add(out, " ");
    status_human_string(out, s->source);
    text_add(out, " %u <-> ", s->source_port);
    status_human_string(out, s->destination);
    text_add(out, " %u%s", s->destination_port, *rule->flow ? " :" : "");
    status_human_string(out, rule->flow);
    text_add(out, "\n");
}

static void human_rule(struct text *out, const struct status_rule *rule,
                       const struct widths *widths)
{
    text_add(out, "%05u ", rule->number);
    human_columns(out, widths, rule->counted, &rule->count);
    status_human_string(out, rule->text);
    text_add(out, "%s\n", rule->removed ? "  (not in the packet filter)" : "");
}

static void human_run(struct text *out, const struct status_list *list,
                      const struct status_run *run)
{
    const struct status_rule *rules = &list->rules[run->first];
    struct widths widths = {1, 1};

    for (size_t i = 0; i < run->rules; i++)
        widen(&widths, &rules[i].count);
    for (size_t i = 0; i < run->state_count; i++)
        widen(&widths, &run->states[i].count);
    text_add(out, "rules of divert-run (%d)\n", (int)run->pid);
    for (size_t i = 0; i < run->rules; i++) {
        if (!rules[i].is_part)
            human_rule(out, &rules[i], &widths);
    }
    if (run->state_count)
        text_add(out, "## Dynamic rules (%zu):\n", run->state_count);
    for (size_t i = 0; i < run->state_count; i++)
        human_state(out, &rules[run->states[i].maker - 1], &run->states[i], &widths);
}

void status_text_runs(const struct status_list *list, struct text *out)
{
    for (size_t i = 0; i < list->run_count; i++) {
        text_add(out, "\n");
        human_run(out, list, &list->runs[i]);
    }
}

/* ---- as JSON ---- */

static void json_columns(struct text *out, bool counted, const struct status_count *count)
{
    if (counted)
        text_add(out, "\"packets\":%llu,\"bytes\":%llu", (unsigned long long)count->packets,
                 (unsigned long long)count->bytes);
    else
        text_add(out, "\"packets\":null,\"bytes\":null");
}

static void json_state(struct text *out, const struct status_rule *rule,
                       const struct listing_state *s)
{
    text_add(out, "{\"number\":%u,\"type\":\"%s\",\"flow\":", rule->number,
             rule->makes == MAKES_LIMIT ? "limit" : "state");
    status_json_string(out, rule->flow);
    text_add(out,
             ",\"family\":\"%s\",\"protocol\":%u,\"source\":", s->family == 6 ? "inet6" : "inet",
             s->proto);
    status_json_string(out, s->source);
    text_add(out, ",\"source_port\":%u,\"destination\":", s->source_port);
    status_json_string(out, s->destination);
    text_add(out, ",\"destination_port\":%u,\"expires\":%u,", s->destination_port, s->seconds);
    json_columns(out, true, &s->count);
    text_add(out, "}");
}

static void json_rule(struct text *out, const struct status_rule *rule, bool first)
{
    text_add(out, "%s{\"number\":%u,\"rule\":", first ? "" : ",", rule->number);
    status_json_string(out, rule->text);
    text_add(out, ",\"removed\":%s,", rule->removed ? "true" : "false");
    json_columns(out, rule->counted, &rule->count);
    text_add(out, "}");
}

static void json_run(struct text *out, const struct status_list *list, const struct status_run *run)
{
    const struct status_rule *rules = &list->rules[run->first];

    text_add(out, "{\"pid\":%d,\"rules\":[", (int)run->pid);
    for (size_t i = 0; i < run->rules; i++) {
        if (!rules[i].is_part)
            json_rule(out, &rules[i], i == 0);
    }
    text_add(out, "],\"dynamic_rules\":[");
    for (size_t i = 0; i < run->state_count; i++) {
        text_add(out, "%s", i ? "," : "");
        json_state(out, &rules[run->states[i].maker - 1], &run->states[i]);
    }
    text_add(out, "]}");
}

void status_json_runs(const struct status_list *list, struct text *out)
{
    text_add(out, ",\"runs\":[");
    for (size_t i = 0; i < list->run_count; i++) {
        text_add(out, "%s", i ? "," : "");
        json_run(out, list, &list->runs[i]);
    }
    text_add(out, "]");
}
