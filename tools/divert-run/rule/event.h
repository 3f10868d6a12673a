/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rules ask divert-run to do for a packet: answer the sender, or write a line to the log. It
 * travels with a copy of the packet, as the prefix of an NFLOG message.
 */
#ifndef DIVERT_RUN_EVENT_H
#define DIVERT_RUN_EVENT_H

#include "rule/rule.h"

#define EVENT_TEXT_MAX 63 /* bytes of such a prefix that iptables takes */

enum event_kind { EVENT_ANSWER, EVENT_LOG };

struct event {
    enum event_kind kind;
    struct rule_answer answer;
    unsigned number, amount; /* of a line in the log: its rule, and logamount */
    const char *action;      /* in the text that was read: "Deny"; of a rule of pf "pf block" */
};

/* Appends the event of that kind for RULE, whose number is NUMBER to the user. */
void event_text(enum event_kind kind, const struct rule *rule, unsigned number, struct text *out);
/* Reads what event_text() made. False: it is something else. */
bool event_read(const char *text, struct event *event);

#endif
