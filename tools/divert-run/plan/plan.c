#include "plan/build.h"

#include "common/mark.h"

#include <stdlib.h>

/* The rules of one number that can match in a place. */
struct leaf {
    unsigned number;
    size_t first, end; /* in the rule set */
};

struct leaves {
    struct leaf *items;
    size_t count;
};

/* Tee rules that stand in incoming-tee are not met once more. */
static bool copied_early(const struct plan *plan, size_t rule, struct place place)
{
    return rule < plan->early && plan->rules->rules[rule]->action == RULE_TEE &&
           place.hook == HOOK_IN && !place.diverted;
}

static void collect_leaves(const struct plan *plan, struct place place, struct leaves *leaves)
{
    const struct ruleset *rules = plan->rules;

    leaves->count = 0;
    leaves->items = grow_array(NULL, rules->count, sizeof(*leaves->items));
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];
        struct leaf *last = leaves->count ? &leaves->items[leaves->count - 1] : NULL;

        if (copied_early(plan, i, place) || !plan_rule_possible(plan, rule, place))
            continue;
        if (!last || last->number != rule->number)
            leaves->items[leaves->count++] = (struct leaf){rule->number, i, i + 1};
        else
            last->end = i + 1;
    }
}

static struct chain *plan_leaf(struct plan *plan, const struct leaf *leaf, struct place place)
{
    struct chain *chain =
        plan_chain(plan, place.hook, "-%c%u", place.diverted ? 'd' : 'u', leaf->number);

    chain_return_if_passed(plan, chain, leaf->number);
    for (size_t i = leaf->first; i < leaf->end; i++) {
        if (!copied_early(plan, i, place))
            plan_rule(plan, chain, plan->rules->rules[i], place, false);
    }
    return chain;
}

/* Chains for COUNT leaves, COUNT > 0. Returns the one to jump to. */
static struct chain *plan_tree(struct plan *plan, const struct leaf *leaves, size_t count,
                               struct place place)
{
    unsigned last = leaves[count - 1].number;
    size_t share = 1, taken;
    struct chain *chain;

    if (count == 1)
        return plan_leaf(plan, leaves, place);
    while (share * PLAN_FANOUT < count)
        share *= PLAN_FANOUT;
    chain = plan_chain(plan, place.hook, "-%c%u-%u", place.diverted ? 'd' : 'u', leaves[0].number,
                       last);
    chain_return_if_passed(plan, chain, last);
    for (size_t done = 0; done < count; done += taken) {
        taken = count - done < share ? count - done : share;
        line_goto(chain_line(chain, ""), VERDICT_JUMP,
                  plan_tree(plan, leaves + done, taken, place));
    }
    return chain;
}

/* NULL: no rule can match in this place. */
static struct chain *plan_tree_of_place(struct plan *plan, struct place place)
{
    struct leaves leaves;
    struct chain *root = NULL;

    collect_leaves(plan, place, &leaves);
    if (leaves.count)
        root = plan_tree(plan, leaves.items, leaves.count, place);
    free(leaves.items);
    return root;
}

static struct chain *plan_tagged(struct plan *plan, enum hook hook)
{
    struct chain *chain = plan_chain(plan, hook, "-tag");
    struct text top = {0};
    struct chain *root;

    plan->dialect->tag_is(plan->dialect, TAG_TOP, false, &top);
    line_op(chain_line(chain, text_str(&top)), OP_SET_TAG, 0);
    root = plan_tree_of_place(plan, (struct place){.hook = hook, .diverted = true});
    if (root)
        line_goto(chain_line(chain, ""), VERDICT_JUMP, root);
    if (!plan->dialect->shared)
        line_op(chain_line(chain, ""), OP_SET_TAG, 0);
    text_free(&top);
    return chain;
}

/* What a packet without a tag meets: the rules one by one, or in a tree when a rule may skip
 * others. */
static void plan_untagged(struct plan *plan, struct chain *entry, const char *tagged)
{
    struct place place = {.hook = entry->hook};
    const struct ruleset *rules = plan->rules;
    struct chain *root;
    bool flat = true;

    for (size_t i = 0; i < rules->count && flat; i++)
        flat = plan_rule_flat(plan, rules->rules[i], place) ||
               !plan_rule_possible(plan, rules->rules[i], place);
    if (flat) {
        for (size_t i = 0; i < rules->count; i++) {
            if (!copied_early(plan, i, place))
                plan_rule(plan, entry, rules->rules[i], place, true);
        }
        return;
    }
    root = plan_tree_of_place(plan, place);
    if (!root)
        return;
    line_goto(chain_line(entry, ""), VERDICT_JUMP, root);
    line_op(chain_line(entry, tagged), OP_SET_TAG, 0);
}

static void plan_hook(struct plan *plan, enum hook hook)
{
    struct chain *entry = plan_chain(plan, hook, "%s", "");
    struct text tagged = {0};

    plan->dialect->tag_is(plan->dialect, 0, true, &tagged);
    if (hook == HOOK_IN && plan->defrag && plan->dialect->defrag)
        chain_line(entry, plan->dialect->defrag);
    line_goto(chain_line(entry, text_str(&tagged)), VERDICT_GOTO, plan_tagged(plan, hook));
    plan_untagged(plan, entry, text_str(&tagged));
    text_free(&tagged);
}

/* How many rules at the head of the list can do no more to incoming packets than copy and count
 * them; 0 if none copies. */
static size_t count_early_rules(const struct plan *plan)
{
    const struct place place = {.hook = HOOK_IN};
    bool copies = false;
    size_t i;

    for (i = 0; i < plan->rules->count; i++) {
        const struct rule *rule = plan->rules->rules[i];

        if (!plan_rule_possible(plan, rule, place))
            continue;
        if (rule->action != RULE_TEE && rule->action != RULE_COUNT)
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
            plan_rule(plan, chain, plan->rules->rules[i], place, true);
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
    plan->defrag = diverts_incoming(plan);
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
    plan->chains = NULL;
    plan->count = 0;
}
