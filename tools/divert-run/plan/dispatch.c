/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dispatch: of consecutive rules that each ask for one address or one port, a packet can match only
 * those with its own. It is led to these, and not compared with all the others.
 */
#include "plan/private.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MIN  8    /* fewer are compared one by one */
#define ALIKE_MAX 100  /* rules examined to find so many */
#define DEPTH     4    /* levels of chains; the rest is compared one by one */
#define RULES_MAX 4096 /* as many as the levels can part */
#define BITS      3    /* bits of an address that a level distinguishes: 8 branches */

#define FIELDS 4
static const enum clause_kind fields[FIELDS] = {CLAUSE_SRC, CLAUSE_DST, CLAUSE_SPORT, CLAUSE_DPORT};

static bool is_port(enum clause_kind field)
{
    return field == CLAUSE_SPORT || field == CLAUSE_DPORT;
}

/* All values of the field with which a packet can match a rule: from lo to hi, as on the wire. */
static bool key_of_match(const struct match *match, struct dispatch_key *key)
{
    const struct rule_atom *atom = match->atoms[0];

    *key = (struct dispatch_key){.atom = atom, .family = match->family, .proto = match->proto};
    if (match->negated || match->count != 1)
        return false;
    if (is_port(match->kind)) {
        key->family = 0;
        key->lo[0] = (uint8_t)(atom->range.lo >> 8);
        key->lo[1] = (uint8_t)atom->range.lo;
        key->hi[0] = (uint8_t)(atom->range.hi >> 8);
        key->hi[1] = (uint8_t)atom->range.hi;
        return match->proto == IPPROTO_TCP || match->proto == IPPROTO_UDP;
    }
    key->proto = -1;
    if (atom->addr.kind != ADDR_NET4 && atom->addr.kind != ADDR_NET6)
        return false;
    memcpy(key->lo, atom->addr.bytes, sizeof(key->lo));
    memcpy(key->hi, key->lo, sizeof(key->hi));
    for (unsigned i = atom->addr.prefix; i < sizeof(key->hi) * 8; i++)
        key->hi[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return true;
}

/* False: the rule has no such key, wherever a packet meets it. */
static bool find_key(const struct plan *plan, const struct rule *rule, struct place place,
                     enum clause_kind field, struct dispatch_key *key)
{
    const struct rule_clause *clause = rule_clause(rule, field);
    bool found = false;

    for (place.family = 4; clause && place.family <= 6; place.family += 2) {
        struct match match;

        if ((!plan->dialect->both_families && plan->family != place.family) ||
            !rule_possible(rule, &place))
            continue;
        if (clause_in_place(rule, clause, &place, &match) != DEPENDS || !key_of_match(&match, key))
            return false;
        found = true;
    }
    return found;
}

/*
 * The index of the key among the groups, or where it would be; they are in ascending order and do
 * not overlap.
 */
static size_t place_of_key(const struct dispatch *d, const struct dispatch_key *key)
{
    size_t low = 0, high = d->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (memcmp(d->groups[middle].key.hi, key->lo, sizeof(key->lo)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_to_group(struct dispatch_group *group, size_t rule)
{
    group->rules = grow_array(group->rules, group->count + 1, sizeof(*group->rules));
    group->rules[group->count++] = rule;
}

/* False: the key overlaps with another one. */
static bool add_key(struct dispatch *d, const struct dispatch_key *key, size_t rule)
{
    size_t at = place_of_key(d, key);
    struct dispatch_group *group = at < d->count ? &d->groups[at] : NULL;

    if (d->count &&
        (d->groups[0].key.family != key->family || d->groups[0].key.proto != key->proto))
        return false;
    if (group && memcmp(group->key.lo, key->lo, sizeof(key->lo)) == 0 &&
        memcmp(group->key.hi, key->hi, sizeof(key->hi)) == 0) {
        add_to_group(group, rule);
        return true;
    }
    if (group && memcmp(group->key.lo, key->hi, sizeof(key->hi)) <= 0)
        return false;
    d->groups = grow_array(d->groups, d->count + 1, sizeof(*d->groups));
    memmove(&d->groups[at + 1], &d->groups[at], (d->count - at) * sizeof(*d->groups));
    d->groups[at] = (struct dispatch_group){.key = *key};
    d->count++;
    add_to_group(&d->groups[at], rule);
    return true;
}

/* Takes as many rules, from the first on, as can be told apart by the field. */
static void dispatch_by(const struct plan *plan, const size_t *rules, size_t count,
                        struct place place, enum clause_kind field, struct dispatch *d)
{
    *d = (struct dispatch){.field = field};
    for (; d->rules < count && d->rules < RULES_MAX; d->rules++) {
        const struct rule *rule = plan->rules->rules[rules[d->rules]];
        struct dispatch_key key;

        if (!find_key(plan, rule, place, field, &key) || !plan_rule_is_line(plan, rule, place) ||
            !add_key(d, &key, rules[d->rules]))
            break;
        if (d->count < KEYS_MIN && d->rules >= ALIKE_MAX)
            break;
    }
}

bool dispatch_make(const struct plan *plan, const size_t *rules, size_t count, struct place place,
                   struct dispatch *out)
{
    struct dispatch tried[FIELDS];
    size_t best = 0;

    for (size_t i = 0; i < FIELDS; i++) {
        dispatch_by(plan, rules, count, place, fields[i], &tried[i]);
        if (tried[i].count > tried[best].count)
            best = i;
    }
    for (size_t i = 0; i < FIELDS; i++) {
        if (i != best || tried[i].count < KEYS_MIN)
            dispatch_free(&tried[i]);
    }
    *out = tried[best];
    return out->count > 0;
}

void dispatch_free(struct dispatch *d)
{
    for (size_t i = 0; i < d->count; i++)
        free(d->groups[i].rules);
    free(d->groups);
    *d = (struct dispatch){0};
}

static bool bit_of(const uint8_t *bytes, unsigned i)
{
    return bytes[i / 8] & (0x80 >> i % 8);
}

/* How many bits the addresses of the groups have in common, from the first on. */
static unsigned common_bits(const struct dispatch_group *groups, size_t count)
{
    const uint8_t *lo = groups[0].key.lo, *hi = groups[count - 1].key.hi;
    unsigned bits = 0;

    while (bits < sizeof(groups[0].key.lo) * 8 && bit_of(lo, bits) == bit_of(hi, bits))
        bits++;
    return bits;
}

/* The smallest network or range that contains all of the groups. */
static void cover(enum clause_kind field, const struct dispatch_group *groups, size_t count,
                  struct rule_atom *atom)
{
    *atom = *groups[0].key.atom;
    if (is_port(field)) {
        atom->range.hi = groups[count - 1].key.atom->range.hi;
        return;
    }
    atom->addr.prefix = (uint8_t)common_bits(groups, count);
    for (unsigned i = atom->addr.prefix; i < sizeof(atom->addr.bytes) * 8; i++)
        atom->addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

/* How many of the groups make the first branch below a node that has all of them. */
static size_t first_branch(enum clause_kind field, const struct dispatch_group *groups,
                           size_t count, size_t share, unsigned bits)
{
    size_t taken = 1;

    if (is_port(field))
        return count < share ? count : share;
    while (taken < count && common_bits(groups, taken + 1) >= bits)
        taken++;
    return taken;
}

static void plan_groups(struct plan *plan, struct chain *chain, const struct dispatch_group *groups,
                        size_t count, const struct dispatch_target *target)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < groups[i].count; j++)
            target->rule(plan, chain, groups[i].rules[j], target);
    }
}

static void plan_branches(struct plan *plan, struct chain *chain, const struct dispatch *d,
                          const struct dispatch_group *groups, size_t count, int depth,
                          const struct dispatch_target *target);

/* One line that leads to a chain of its own, if the packet may match any of the groups. */
static void plan_branch(struct plan *plan, struct chain *chain, const struct dispatch *d,
                        const struct dispatch_group *groups, size_t count, int depth,
                        const struct dispatch_target *target)
{
    struct rule_atom atom;
    struct match match = {.kind = d->field,
                          .hook = target->place.hook,
                          .family = groups[0].key.family,
                          .proto = groups[0].key.proto,
                          .count = 1,
                          .atoms = {&atom}};
    struct conditions found = {0};
    struct chain *branch;
    struct text condition = {0};

    if (count == 1 && groups[0].count == 1) {
        plan_groups(plan, chain, groups, count, target);
        return;
    }
    cover(d->field, groups, count, &atom);
    plan->dialect->alternatives(&match, &found);
    plan_condition_text(plan->dialect, &found.items[0], &condition);
    branch = plan_chain(plan, target->place.hook, "-s%u", ++plan->selections);
    line_goto(chain_line(chain, text_str(&condition)), VERDICT_JUMP, branch);
    plan_branches(plan, branch, d, groups, count, depth - 1, target);
    text_free(&condition);
    conditions_free(&found);
}

static void plan_branches(struct plan *plan, struct chain *chain, const struct dispatch *d,
                          const struct dispatch_group *groups, size_t count, int depth,
                          const struct dispatch_target *target)
{
    unsigned bits = common_bits(groups, count) + BITS;
    size_t share = (count + PLAN_FANOUT - 1) / PLAN_FANOUT, taken;

    if (count == 1 || depth == 0) {
        plan_groups(plan, chain, groups, count, target);
        return;
    }
    for (size_t done = 0; done < count; done += taken) {
        taken = first_branch(d->field, groups + done, count - done, share, bits);
        plan_branch(plan, chain, d, groups + done, taken, depth, target);
    }
}

/* One line that leads to a chain for each group. */
static void plan_map(struct plan *plan, struct chain *chain, const struct dispatch *d,
                     const struct dispatch_target *target)
{
    struct text map = {0};

    plan->dialect->map_begin(d->field, d->groups[0].key.family, &map);
    for (size_t i = 0; i < d->count; i++) {
        struct chain *group = plan_chain(plan, target->place.hook, "-s%u", ++plan->selections);

        plan_groups(plan, group, &d->groups[i], 1, target);
        text_add(&map, "%s", i ? ", " : "");
        plan->dialect->map_key(d->field, d->groups[i].key.atom, &map);
        text_add(&map, " : jump %s", group->name);
    }
    text_add(&map, " }");
    chain_line(chain, text_str(&map));
    text_free(&map);
}

void dispatch_plan(struct plan *plan, struct chain *chain, const struct dispatch *d,
                   const struct dispatch_target *target)
{
    struct chain *root;

    if (plan->dialect->map_begin) {
        plan_map(plan, chain, d, target);
        return;
    }
    root = plan_chain(plan, target->place.hook, "-s%u", ++plan->selections);
    line_goto(chain_line(chain, ""), VERDICT_JUMP, root);
    plan_branches(plan, root, d, d->groups, d->count, DEPTH, target);
}
