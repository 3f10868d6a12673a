/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes and reads the text of events. */
#include "rule/event.h"

#include <stdio.h>
#include <string.h>

/* The action as ipfw names it. */
static void denial_text(const struct rule_answer *answer, struct text *out)
{
    switch (answer->kind) {
    case ANSWER_NONE:
        text_add(out, "Deny");
        break;
    case ANSWER_RESET:
    case ANSWER_RESET6:
        text_add(out, "Reset");
        break;
    case ANSWER_UNREACH:
    case ANSWER_UNREACH6:
        if (answer->kind == ANSWER_UNREACH && answer->code == 1)
            text_add(out, "Reject");
        else
            text_add(out, "Unreach %u", answer->code);
        break;
    }
}

/* The action as pf names it. */
static void pf_action_text(const struct rule *rule, struct text *out)
{
    text_add(out, "pf %s",
             rule->action == RULE_DENY    ? "block"
             : rule->action == RULE_COUNT ? "match"
                                          : "pass");
}

static void event_action_text(const struct rule *rule, unsigned number, struct text *out)
{
    switch (rule->action) {
    case RULE_DIVERT:
        text_add(out, "Divert %u", rule->argument);
        break;
    case RULE_TEE:
        text_add(out, "Tee %u", rule->argument);
        break;
    case RULE_ALLOW:
        text_add(out, "Accept");
        break;
    case RULE_DENY:
        denial_text(&rule->answer, out);
        break;
    case RULE_COUNT:
    case RULE_CHECK_STATE:
        text_add(out, "Count");
        break;
    case RULE_SKIPTO:
        text_add(out, "SkipTo %u", rule->argument - (rule->number - number));
        break;
    case RULE_CALL:
        text_add(out, "Call %u", rule->argument - (rule->number - number));
        break;
    case RULE_RETURN:
        text_add(out, "Return");
        break;
    case RULE_SETDSCP:
        text_add(out, "SetDscp %u", rule->argument);
        break;
    case RULE_SETMSS:
        text_add(out, "SetMss %u", rule->argument);
        break;
    }
}

void event_text(enum event_kind kind, const struct rule *rule, unsigned number, struct text *out)
{
    const struct rule_answer *answer = &rule->answer;

    if (kind == EVENT_ANSWER) {
        text_add(out, "answer %u %u %u", answer->kind, answer->code, answer->mtu);
        return;
    }
    if (rule->pf_rule) {
        text_add(out, "log %u %u ", rule->pf_rule - 1, rule->log_amount);
        pf_action_text(rule, out);
        return;
    }
    text_add(out, "log %u %u ", number, rule->log_amount);
    event_action_text(rule, number, out);
}

bool event_read(const char *text, struct event *event)
{
    unsigned kind, code, mtu;
    int end = 0;

    if (sscanf(text, "answer %u %u %u", &kind, &code, &mtu) == 3) {
        event->kind = EVENT_ANSWER;
        event->answer = (struct rule_answer){(enum answer_kind)kind, (uint8_t)code, (uint16_t)mtu};
        return kind <= ANSWER_UNREACH6;
    }
    event->kind = EVENT_LOG;
    if (sscanf(text, "log %u %u %n", &event->number, &event->amount, &end) != 2 || !end)
        return false;
    event->action = text + end;
    return true;
}
