/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the chains of both hooks from the rules. */
#include "plan/private.h"

#include "common/mark.h"

#include <limits.h>
#include <stdlib.h>

/* The rules of one number that can match in a place; or those of several numbers, told apart. */
struct leaf {
    unsigned number, last;
    size_t first, end; /* indices in the rule set */
    struct dispatch dispatch;
};

struct leaves {
    struct leaf *items;
    size_t count;
};

/* Is the rule in incoming-tee, so that packets must not meet it again in this place? */
static bool copied_early(const struct plan *plan, size_t rule, struct place place)
{
    return rule < plan->early && plan->rules->rules[rule]->action == RULE_TEE &&
           place.hook == HOOK_IN && !place.diverted;
}

/* The lowest number that a rule calls. */
static unsigned first_called(const struct ruleset *rules)
{
    unsigned first = UINT_MAX;

    for (size_t i = 0; i < rules->count; i++) {
        if (rules->rules[i]->action == RULE_CALL && rules->rules[i]->argument < first)
            first = rules->rules[i]->argument;
    }
    return first;
}

static void collect_leaves(const struct plan *plan, struct place place, struct leaves *leaves)
{
    const struct ruleset *rules = plan->rules;
    unsigned from = place.calls ? first_called(rules) : 0;

    leaves->count = 0;
    leaves->items = grow_array(NULL, rules->count, sizeof(*leaves->items));
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];
        struct leaf *last = leaves->count ? &leaves->items[leaves->count - 1] : NULL;

        if (copied_early(plan, i, place) || rule->number < from ||
            (!plan_rule_possible(plan, rule, place) && !plan_checks_state(plan, i)))
            continue;
        if (!last || last->number != rule->number)
            leaves->items[leaves->count++] =
                (struct leaf){rule->number, rule->number, i, i + 1, {0}};
        else
            last->end = i + 1;
    }
}

/* The letter of a place in the names of its chains. */
static char letter(struct place place)
{
    char name = place.diverted ? 'd' : place.sockarg ? 'k' : 'u';

    return place.calls ? (char)(name - 'a' + 'A' + (int)place.calls - 1) : name;
}

/* Rules that have a number for themselves, from a leaf on. Give them to free(). */
static size_t *single_rules(const struct leaves *leaves, size_t from, size_t *count)
{
    size_t *rules = grow_array(NULL, leaves->count - from, sizeof(*rules));

    for (*count = 0; from + *count < leaves->count; ++*count) {
        const struct leaf *leaf = &leaves->items[from + *count];

        if (leaf->end - leaf->first != 1)
            break;
        rules[*count] = leaf->first;
    }
    return rules;
}

/* Joins consecutive leaves that can be told apart by a field. */
static void join_leaves(const struct plan *plan, struct place place, struct leaves *leaves)
{
    size_t kept = 0, taken;

    for (size_t i = 0; i < leaves->count; i += taken) {
        struct leaf *leaf = &leaves->items[kept++];
        size_t count, *rules = single_rules(leaves, i, &count);

        *leaf = leaves->items[i];
        taken = 1;
        if (dispatch_make(plan, rules, count, place, &leaf->dispatch)) {
            taken = leaf->dispatch.rules;
            leaf->last = leaves->items[i + taken - 1].number;
        }
        free(rules);
    }
    leaves->count = kept;
}

static struct chain *plan_number(struct plan *plan, size_t first, size_t end, struct place place)
{
    unsigned number = plan->rules->rules[first]->number;
    struct chain *chain = plan_chain(plan, place.hook, "-%c%u", letter(place), number);

    chain_return_if_passed(plan, chain, number);
    for (size_t i = first; i < end; i++) {
        if (plan_checks_state(plan, i))
            plan_state_check(plan, chain, plan->rules->rules[i]);
        if (!copied_early(plan, i, place))
            plan_rule(plan, chain, plan->rules->rules[i], place,
                      place.calls ? STANDING_CALLED : STANDING_IN_TREE);
    }
    return chain;
}

static void add_jump(struct plan *plan, struct chain *chain, size_t rule,
                     const struct dispatch_target *target)
{
    line_goto(chain_line(chain, ""), VERDICT_JUMP,
              plan_number(plan, rule, rule + 1, target->place));
}

static struct chain *plan_leaf(struct plan *plan, const struct leaf *leaf, struct place place)
{
    const struct dispatch_target target = {place, add_jump};
    struct chain *chain;

    if (leaf->dispatch.count == 0)
        return plan_number(plan, leaf->first, leaf->end, place);
    chain = plan_chain(plan, place.hook, "-%c%u-%u", letter(place), leaf->number, leaf->last);
    chain_return_if_passed(plan, chain, leaf->last);
    dispatch_plan(plan, chain, &leaf->dispatch, &target);
    return chain;
}

/* Adds the chains for COUNT leaves, at least one. Returns the chain to jump to. */
static struct chain *plan_tree(struct plan *plan, const struct leaf *leaves, size_t count,
                               struct place place)
{
    unsigned last = leaves[count - 1].last;
    size_t share = 1, taken;
    struct chain *chain;

    if (count == 1)
        return plan_leaf(plan, leaves, place);
    while (share * PLAN_FANOUT < count)
        share *= PLAN_FANOUT;
    chain = plan_chain(plan, place.hook, "-%c%u-%u", letter(place), leaves[0].number, last);
    chain_return_if_passed(plan, chain, last);
    for (size_t done = 0; done < count; done += taken) {
        taken = count - done < share ? count - done : share;
        line_goto(chain_line(chain, ""), VERDICT_JUMP,
                  plan_tree(plan, leaves + done, taken, place));
    }
    return chain;
}

/* Returns the chain to jump to. NULL: no rule can match in this place. */
static struct chain *plan_tree_of_place(struct plan *plan, struct place place)
{
    struct leaves leaves;
    struct chain *root = NULL;

    collect_leaves(plan, place, &leaves);
    join_leaves(plan, place, &leaves);
    if (leaves.count)
        root = plan_tree(plan, leaves.items, leaves.count, place);
    for (size_t i = 0; i < leaves.count; i++)
        dispatch_free(&leaves.items[i].dispatch);
    free(leaves.items);
    return root;
}

struct chain *plan_called_tree(struct plan *plan, struct place place)
{
    struct chain **tree =
        &plan->called[place.hook][place.diverted ? 0 : 1 + place.sockarg][place.calls];

    place.calls++;
    if (!*tree)
        *tree = plan_tree_of_place(plan, place);
    return *tree;
}

/* Can the rules stand in one chain for packets without a tag? Not if one of them skips others. */
static bool is_flat(const struct plan *plan, struct place place)
{
    const struct ruleset *rules = plan->rules;

    for (size_t i = 0; i < rules->count; i++) {
        if (plan_checks_state(plan, i) || (!plan_rule_flat(plan, rules->rules[i], place) &&
                                           plan_rule_possible(plan, rules->rules[i], place)))
            return false;
    }
    return true;
}

/*
 * Can packets without a tag use the tree of those with one, entering it with tag 0? Not if a rule
 * asks whether the packet was diverted, or for its socket, because only the place tells; and not
 * behind incoming-tee, whose rules only diverted packets must meet in the tree.
 */
static bool tree_fits(const struct plan *plan, struct place untagged)
{
    const struct place tagged = {.hook = untagged.hook, .diverted = true};

    for (size_t i = 0; i < plan->rules->count; i++) {
        const struct rule *rule = plan->rules->rules[i];

        if (copied_early(plan, i, untagged))
            return false;
        if ((rule_clause(rule, CLAUSE_DIVERTED) ||
             (untagged.sockarg && rule_clause(rule, CLAUSE_SOCKARG))) &&
            (plan_rule_possible(plan, rule, tagged) || plan_rule_possible(plan, rule, untagged)))
            return false;
    }
    return true;
}

static void add_below(struct plan *plan, struct chain *chain, size_t rule,
                      const struct dispatch_target *target)
{
    plan_rule(plan, chain, plan->rules->rules[rule], target->place, STANDING_BELOW);
}

/* Does one of the rules let packets leave the list? */
static bool dispatch_lets_leave(const struct plan *plan, const struct dispatch *d)
{
    for (size_t i = 0; i < d->count; i++) {
        for (size_t j = 0; j < d->groups[i].count; j++) {
            if (plan->rules->rules[d->groups[i].rules[j]]->action == RULE_ALLOW)
                return true;
        }
    }
    return false;
}

/* A packet that left the list in the chains below has a tag, and loses it here. */
static void plan_flat_dispatch(struct plan *plan, struct chain *entry, struct place place,
                               const char *tagged, const struct dispatch *d)
{
    const struct dispatch_target target = {place, add_below};
    struct line *left;

    dispatch_plan(plan, entry, d, &target);
    if (!dispatch_lets_leave(plan, d))
        return;
    left = chain_line(entry, tagged);
    line_op(left, OP_SET_TAG, 0);
    left->verdict = VERDICT_RETURN;
}

static void plan_flat(struct plan *plan, struct chain *entry, struct place place,
                      const char *tagged)
{
    size_t *rules = grow_array(NULL, plan->rules->count, sizeof(*rules)), count = 0, taken;

    for (size_t i = 0; i < plan->rules->count; i++) {
        if (!copied_early(plan, i, place) && plan_rule_possible(plan, plan->rules->rules[i], place))
            rules[count++] = i;
    }
    for (size_t i = 0; i < count; i += taken) {
        struct dispatch d;

        taken = 1;
        if (dispatch_make(plan, rules + i, count - i, place, &d)) {
            taken = d.rules;
            plan_flat_dispatch(plan, entry, place, tagged, &d);
            dispatch_free(&d);
        } else {
            plan_rule(plan, entry, plan->rules->rules[rules[i]], place, STANDING_FLAT);
        }
    }
    free(rules);
}

/* Appends the rules for packets without a tag, one after the other or as a jump to a tree. */
static void plan_untagged(struct plan *plan, struct chain *entry, struct place place,
                          const char *tagged, const struct chain *tagged_tree)
{
    const struct chain *tree = tagged_tree;

    if (is_flat(plan, place)) {
        plan_flat(plan, entry, place, tagged);
        return;
    }
    if (!tree_fits(plan, place))
        tree = plan_tree_of_place(plan, place);
    if (!tree)
        return;
    line_goto(chain_line(entry, ""), VERDICT_JUMP, tree);
    line_op(chain_line(entry, tagged), OP_SET_TAG, 0);
}

/* Packets of sockets with a SO_USER_COOKIE, whose tag says so. */
static void plan_sockarg(struct plan *plan, struct chain *chain, const char *tagged,
                         const struct chain *tree)
{
    const struct place place = {.hook = chain->hook, .sockarg = true};
    struct text condition = {0};
    struct line *line;

    plan->dialect->tag_is(plan->dialect, TAG_SOCKARG, false, &condition);
    line = chain_line(chain, text_str(&condition));
    if (tree_fits(plan, place)) {
        line_op(line, OP_SET_TAG, 0);
    } else {
        struct chain *own = plan_chain(plan, chain->hook, "-sockarg");

        line_goto(line, VERDICT_GOTO, own);
        line_op(chain_line(own, ""), OP_SET_TAG, 0);
        plan_untagged(plan, own, place, tagged, tree);
    }
    text_free(&condition);
}

/* Adds HOOK-tag. *tree is the chain that it jumps to, or NULL if no rule can match. */
static struct chain *plan_tagged(struct plan *plan, enum hook hook, const char *tagged,
                                 const struct chain **tree)
{
    struct chain *chain = plan_chain(plan, hook, "-tag");
    struct text top = {0};

    plan->dialect->tag_is(plan->dialect, TAG_TOP, false, &top);
    line_op(chain_line(chain, text_str(&top)), OP_SET_TAG, 0);
    *tree = plan_tree_of_place(plan, (struct place){.hook = hook, .diverted = true});
    if (hook == HOOK_OUT)
        plan_sockarg(plan, chain, tagged, *tree);
    if (*tree)
        line_goto(chain_line(chain, ""), VERDICT_JUMP, *tree);
    chain_return_if_passed(plan, chain, plan->end + 1);
    line_op(chain_line(chain, ""), OP_SET_TAG, 0);
    text_free(&top);
    return chain;
}

static void plan_hook(struct plan *plan, enum hook hook)
{
    struct chain *entry = plan_chain(plan, hook, "%s", "");
    const struct chain *tree;
    struct text tagged = {0};

    plan->dialect->tag_is(plan->dialect, 0, true, &tagged);
    if (hook == HOOK_IN && plan->defrag && plan->dialect->defrag)
        chain_line(entry, plan->dialect->defrag);
    line_goto(chain_line(entry, text_str(&tagged)), VERDICT_GOTO,
              plan_tagged(plan, hook, text_str(&tagged), &tree));
    plan_untagged(plan, entry, (struct place){.hook = hook}, text_str(&tagged), tree);
    text_free(&tagged);
}

/* Number of rules at the head of the list that can only copy or count incoming packets; 0 if none
 * of them copies. */
static size_t count_early_rules(const struct plan *plan)
{
    const struct place place = {.hook = HOOK_IN};
    bool copies = false;
    size_t i;

    for (i = 0; i < plan->rules->count; i++) {
        const struct rule *rule = plan->rules->rules[i];

        if (!plan_rule_possible(plan, rule, place))
            continue;
        if ((rule->action != RULE_TEE && rule->action != RULE_COUNT) || rule->state.makes ||
            rule->packet_tag)
            break;
        copies = copies || rule->action == RULE_TEE;
    }
    return copies ? i : 0;
}

static void plan_early(struct plan *plan)
{
    const struct place place = {.hook = HOOK_IN};
    struct chain *chain = plan_chain(plan, HOOK_IN, "-tee");
    struct text tagged = {0};

    plan->dialect->tag_is(plan->dialect, 0, true, &tagged);
    chain_line(chain, text_str(&tagged))->verdict = VERDICT_RETURN;
    for (size_t i = 0; i < plan->early; i++) {
        if (copied_early(plan, i, place))
            plan_rule(plan, chain, plan->rules->rules[i], place, STANDING_FLAT);
    }
    text_free(&tagged);
}

static bool diverts_incoming(const struct plan *plan)
{
    bool diverts = false;

    for (size_t i = 0; i < plan->rules->count; i++) {
        const struct rule *rule = plan->rules->rules[i];

        for (int diverted = 0; diverted < 2 && rule->action == RULE_DIVERT; diverted++)
            diverts |= plan_rule_possible(plan, rule,
                                          (struct place){.hook = HOOK_IN, .diverted = diverted});
    }
    return diverts;
}

void plan_make(struct plan *plan)
{
    plan->defrag = diverts_incoming(plan) || ruleset_state_rule(plan->rules);
    plan_find_state_checks(plan);
    plan->end = ruleset_last(plan->rules);
    if (plan->dialect->early)
        plan->early = count_early_rules(plan);
    if (plan->early)
        plan_early(plan);
    plan_hook(plan, HOOK_IN);
    plan_hook(plan, HOOK_OUT);
}

void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct chain *chain = plan->chains[i];

        for (size_t j = 0; j < chain->count; j++)
            free(chain->lines[j].condition);
        free(chain->lines);
        free(chain);
    }
    free(plan->chains);
    free(plan->checks);
    free(plan->state_chains);
    plan->chains = NULL;
    plan->count = 0;
}
