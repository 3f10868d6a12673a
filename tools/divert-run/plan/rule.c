/* SPDX-License-Identifier: BSD-2-Clause */
/* Turns one rule into lines of a chain, and into further chains for its lists. */
#include "common/mark.h"
#include "plan/private.h"
#include "rule/event.h"

#include <string.h>

#define SLOT_PROTO 1u

/* A rule in one family: the part that fits into a line, and the lists that do not. */
struct list {
    bool negated;
    struct conditions any;
};

struct parts {
    struct place place;
    int proto; /* named in the line, or -1 */
    unsigned slots;
    struct text line;
    struct list lists[RULE_CLAUSES_MAX];
    unsigned list_count;
};

static void append_words(struct text *line, const char *words)
{
    if (*words)
        text_add(line, "%s%s", line->len ? " " : "", words);
}

void plan_condition_text(const struct dialect *dialect, const struct condition *condition,
                         struct text *out)
{
    if (condition->proto >= 0)
        dialect->proto(condition->proto, out);
    append_words(out, condition->text);
}

static bool condition_fits(const struct parts *parts, const struct condition *condition,
                           bool negated)
{
    if (condition->slots & parts->slots)
        return false;
    if (condition->proto < 0 || condition->proto == parts->proto)
        return true;
    return !negated && !(parts->slots & SLOT_PROTO);
}

static void parts_add_condition(const struct dialect *dialect, struct parts *parts,
                                const struct condition *condition)
{
    struct text proto = {0};

    if (condition->proto >= 0 && parts->proto < 0) {
        parts->proto = condition->proto;
        parts->slots |= SLOT_PROTO;
        dialect->proto(condition->proto, &proto);
        append_words(&parts->line, text_str(&proto));
        text_free(&proto);
    }
    parts->slots |= condition->slots;
    append_words(&parts->line, condition->text);
}

static void parts_add_match(const struct dialect *dialect, struct parts *parts,
                            const struct match *match)
{
    struct conditions found = {0};

    if (match->negated)
        dialect->inverse(match, &found);
    else
        dialect->alternatives(match, &found);
    if (found.count == 1 && !found.items[0].below &&
        condition_fits(parts, &found.items[0], match->negated)) {
        parts_add_condition(dialect, parts, &found.items[0]);
        conditions_free(&found);
        return;
    }
    if (match->negated) {
        conditions_free(&found);
        dialect->alternatives(match, &found);
    }
    parts->lists[parts->list_count++] = (struct list){match->negated, found};
}

/* False: the rule matches nothing there. The protocol comes first, other conditions build on it. */
static bool parts_make(const struct dialect *dialect, const struct rule *rule,
                       const struct place *place, struct parts *parts)
{
    struct match match;

    *parts = (struct parts){.place = *place, .proto = -1};
    if (!rule_possible(rule, place))
        return false;
    for (int protos = 1; protos >= 0; protos--) {
        for (unsigned i = 0; i < rule->clause_count; i++) {
            if ((rule->clauses[i].kind == CLAUSE_PROTO) != protos)
                continue;
            if (clause_in_place(rule, &rule->clauses[i], place, &match) == DEPENDS)
                parts_add_match(dialect, parts, &match);
        }
    }
    return true;
}

static void parts_free(struct parts *parts)
{
    text_free(&parts->line);
    for (unsigned i = 0; i < parts->list_count; i++)
        conditions_free(&parts->lists[i].any);
}

static bool conditions_equal(const struct conditions *a, const struct conditions *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].proto != b->items[i].proto ||
            strcmp(a->items[i].text, b->items[i].text) != 0)
            return false;
    }
    return true;
}

static bool parts_equal(const struct parts *a, const struct parts *b)
{
    if (a->list_count != b->list_count || strcmp(text_str(&a->line), text_str(&b->line)) != 0)
        return false;
    for (unsigned i = 0; i < a->list_count; i++) {
        if (a->lists[i].negated != b->lists[i].negated ||
            !conditions_equal(&a->lists[i].any, &b->lists[i].any))
            return false;
    }
    return true;
}

/* The tag with which a packet goes on at the rule that a skipto names. */
static unsigned skip_tag(const struct plan *plan, const struct rule *rule)
{
    const struct rule *last = plan->rules->rules[plan->rules->count - 1];
    unsigned end = last->is_default ? plan->end - 1 : plan->end;

    return rule->argument - 1 < end ? rule->argument - 1 : end;
}

void plan_action(const struct plan *plan, struct line *line, const struct rule *rule, int family,
                 enum standing standing)
{
    line->rule = rule;
    line->counts = true;
    if (rule->log && plan->dialect->events)
        line_op(line, OP_EVENT, EVENT_LOG);
    if (rule->tag_bit)
        line_op(line, rule->removes_tag ? OP_CLEAR_BITS : OP_SET_BITS, rule->tag_bit);
    switch (rule->action) {
    case RULE_DIVERT: /* tags stay in the kernel */
        if (plan->dialect->packet_tags)
            line_op(line, OP_CLEAR_BITS, plan->dialect->packet_tags);
        line_op(line, OP_SET_TAG, rule->number);
        line_op(line, OP_QUEUE, rule->argument);
        break;
    case RULE_TEE:
        line_op(line, OP_SET_TAG, rule->number);
        line_op(line, OP_COPY, rule->argument);
        line_op(line, OP_SET_TAG,
                standing == STANDING_IN_TREE || standing == STANDING_CALLED ? rule->number - 1 : 0);
        break;
    case RULE_ALLOW:
        if (standing != STANDING_FLAT)
            line_op(line, OP_SET_TAG, plan->end);
        line->verdict = VERDICT_RETURN;
        break;
    case RULE_DENY:
        if (rule->answer.kind != ANSWER_NONE && plan->dialect->events)
            line_op(line, OP_EVENT, EVENT_ANSWER);
        line->verdict = VERDICT_DROP;
        break;
    case RULE_SKIPTO:
        line_op(line, OP_SET_TAG, skip_tag(plan, rule));
        line->verdict = VERDICT_RETURN;
        break;
    case RULE_SETDSCP:
        line_op(line, family == 6 ? OP_SET_DSCP6 : OP_SET_DSCP, rule->argument);
        break;
    case RULE_SETMSS:
        line_op(line, OP_SET_MSS, rule->argument);
        break;
    case RULE_RETURN: /* if nobody called, it has no effect */
        if (standing != STANDING_CALLED)
            break;
        line_op(line, OP_SET_TAG, TAG_PAST_ALL);
        line->verdict = VERDICT_RETURN;
        break;
    case RULE_COUNT:
    case RULE_CALL:
    case RULE_CHECK_STATE:
        break;
    }
}

/* Does a rule call others there, and not too deep? */
static bool calls_others(const struct rule *rule, const struct place *place)
{
    return rule->action == RULE_CALL && place->calls < PLAN_CALLS_MAX;
}

/* Does a rule need more than a line for its action? */
static bool has_action_chain(const struct rule *rule, const struct place *place)
{
    return rule->state.makes || calls_others(rule, place);
}

/*
 * A packet that left the list in the tree of the call, or reached its end, has left the whole list.
 */
static void plan_call(struct plan *plan, struct chain *chain, const struct rule *rule,
                      const struct place *place)
{
    struct chain *tree = plan_called_tree(plan, *place);
    struct text returned = {0};
    struct line *line;

    plan->dialect->tag_is(plan->dialect, TAG_PAST_ALL, false, &returned);
    line_op(chain_line(chain, ""), OP_SET_TAG, skip_tag(plan, rule));
    if (tree)
        line_goto(chain_line(chain, ""), VERDICT_JUMP, tree);
    line = chain_line(chain, text_str(&returned));
    line_op(line, OP_SET_TAG, rule->number);
    line->verdict = VERDICT_RETURN;
    line_op(chain_line(chain, ""), OP_SET_TAG, plan->end);
    text_free(&returned);
}

/* A line for each alternative of a list, to NEXT, or away from the rule if the list is negated. */
static void plan_alternatives(struct plan *plan, struct chain *chain, const struct conditions *any,
                              bool negated, const struct chain *next)
{
    for (size_t i = 0; i < any->count; i++) {
        const struct condition *one = &any->items[i];
        struct chain *below =
            one->below ? plan_chain(plan, chain->hook, "-c%u", ++plan->lists) : NULL;
        struct text condition = {0};
        struct line *line;

        if (below)
            below->rule = chain->rule;
        plan_condition_text(plan->dialect, one, &condition);
        line = chain_line(chain, text_str(&condition));
        if (below)
            line_goto(line, VERDICT_GOTO, below);
        else if (negated)
            line->verdict = VERDICT_RETURN;
        else
            line_goto(line, VERDICT_GOTO, next);
        text_free(&condition);
        if (below)
            plan_alternatives(plan, below, one->below, negated, next);
    }
    if (negated)
        line_goto(chain_line(chain, ""), VERDICT_GOTO, next);
}

/* The chains for lists FROM and above, and for the action behind them. Returns the first. */
static struct chain *plan_lists(struct plan *plan, const struct parts *parts, unsigned from,
                                enum hook hook, const struct rule *rule, enum standing standing)
{
    struct chain *chain = plan_chain(plan, hook, "-c%u", ++plan->lists);
    const struct list *list = &parts->lists[from];
    struct chain *next;

    chain->rule = rule;
    if (from == parts->list_count) {
        if (rule->state.makes)
            plan->dialect->state_make(plan, chain, rule);
        plan_action(plan, chain_line(chain, ""), rule, parts->place.family, standing);
        if (calls_others(rule, &parts->place))
            plan_call(plan, chain, rule, &parts->place);
        return chain;
    }
    next = plan_lists(plan, parts, from + 1, hook, rule, standing);
    plan_alternatives(plan, chain, &list->any, list->negated, next);
    return chain;
}

static void plan_parts(struct plan *plan, struct chain *chain, const struct parts *parts,
                       const char *family, const struct rule *rule, enum standing standing)
{
    bool leaves = rule->action == RULE_ALLOW || rule->action == RULE_SKIPTO ||
                  rule->action == RULE_RETURN || calls_others(rule, &parts->place);
    struct text condition = {0};
    struct line *line;

    if (parts->list_count > PLAN_LISTS_MAX) {
        plan->too_long = rule;
        return;
    }
    append_words(&condition, family);
    append_words(&condition, text_str(&parts->line));
    line = chain_line(chain, text_str(&condition));
    line->rule = rule;
    if (!parts->list_count && !has_action_chain(rule, &parts->place)) {
        plan_action(plan, line, rule, parts->place.family, standing);
    } else {
        line_goto(line, VERDICT_JUMP, plan_lists(plan, parts, 0, chain->hook, rule, standing));
        if (leaves && standing != STANDING_FLAT)
            chain_return_if_passed(plan, chain, rule->number);
    }
    text_free(&condition);
}

static void plan_both_families(struct plan *plan, struct chain *chain, const struct rule *rule,
                               struct place place, enum standing standing)
{
    struct parts parts[2];
    bool possible[2];

    for (int i = 0; i < 2; i++) {
        place.family = i ? 6 : 4;
        possible[i] = parts_make(plan->dialect, rule, &place, &parts[i]);
    }
    if (possible[0] && possible[1] && rule->action != RULE_SETDSCP &&
        parts_equal(&parts[0], &parts[1])) {
        plan_parts(plan, chain, &parts[0], "", rule, standing);
        possible[0] = possible[1] = false;
    }
    for (int i = 0; i < 2; i++) {
        struct text family = {0};

        plan->dialect->family(i ? 6 : 4, &family);
        if (possible[i])
            plan_parts(plan, chain, &parts[i], text_str(&family), rule, standing);
        text_free(&family);
        parts_free(&parts[i]);
    }
}

void plan_rule(struct plan *plan, struct chain *chain, const struct rule *rule, struct place place,
               enum standing standing)
{
    struct parts parts;

    if (plan->dialect->both_families) {
        plan_both_families(plan, chain, rule, place, standing);
        return;
    }
    place.family = plan->family;
    if (parts_make(plan->dialect, rule, &place, &parts))
        plan_parts(plan, chain, &parts, "", rule, standing);
    parts_free(&parts);
}

bool plan_rule_possible(const struct plan *plan, const struct rule *rule, struct place place)
{
    bool possible = false;

    for (place.family = 4; place.family <= 6; place.family += 2) {
        if (plan->dialect->both_families || plan->family == place.family)
            possible = possible || rule_possible(rule, &place);
    }
    return possible;
}

/* How many lists of alternatives the rule has beside its line, in the family where it has most. */
static unsigned most_lists(const struct plan *plan, const struct rule *rule, struct place place)
{
    unsigned most = 0;

    for (place.family = 4; place.family <= 6; place.family += 2) {
        struct parts parts;

        if (!plan->dialect->both_families && plan->family != place.family)
            continue;
        if (parts_make(plan->dialect, rule, &place, &parts) && parts.list_count > most)
            most = parts.list_count;
        parts_free(&parts);
    }
    return most;
}

bool plan_rule_is_line(const struct plan *plan, const struct rule *rule, struct place place)
{
    return !has_action_chain(rule, &place) && rule->action != RULE_CHECK_STATE &&
           most_lists(plan, rule, place) == 0;
}

bool plan_rule_flat(const struct plan *plan, const struct rule *rule, struct place place)
{
    if (rule->action == RULE_ALLOW)
        return plan_rule_is_line(plan, rule, place);
    return rule->action != RULE_SKIPTO && rule->action != RULE_CALL && !rule->state.makes &&
           !rule->state.checks;
}
