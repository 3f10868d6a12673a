/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selects the rules that are in force from those of all sets, with the contents of their tables. A
 * rule with tablearg becomes one rule of the same number for each value in the table.
 */
#include "ipfw/resolve.h"

#include <stdlib.h>
#include <string.h>

struct resolving {
    const struct ipfw_model *model;
    struct ruleset *out;
    struct text *why;
};

static bool fail_rule(struct resolving *r, const struct rule *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool fail_rule(struct resolving *r, const struct rule *rule, const char *fmt, ...)
{
    va_list ap;

    text_add(r->why, "rule %u: '%s': ", rule->number, rule->text);
    va_start(ap, fmt);
    text_vadd(r->why, fmt, ap);
    va_end(ap);
    return false;
}

/* Which entries of a table: all, or those with a value of that kind. */
struct selection {
    const struct ipfw_table *table; /* NULL: there is none, so it is empty */
    bool by_value;
    enum ipfw_value kind;
    uint32_t value;
};

static bool is_selected(const struct selection *s, const struct ipfw_entry *entry)
{
    return !s->by_value || entry->values[s->kind] == s->value;
}

/* What a clause of that kind looks up. */
static enum ipfw_table_type type_of_clause(enum clause_kind kind)
{
    switch (kind) {
    case CLAUSE_SRC:
    case CLAUSE_DST:
        return TABLE_ADDR;
    case CLAUSE_VIA:
    case CLAUSE_RECV:
    case CLAUSE_XMIT:
        return TABLE_IFACE;
    default:
        return TABLE_NUMBER;
    }
}

/*
 * The addresses of a table. As in ipfw the longest prefix decides which entry an address belongs
 * to.
 */
static const struct address_list *select_addresses(struct resolving *r, const struct selection *s)
{
    size_t count = HASH_COUNT(s->table->entries), i = 0;
    struct network *networks = grow_array(NULL, count, sizeof(*networks));
    struct address_list *list;

    for (const struct ipfw_entry *e = s->table->entries; e; e = e->hh.next)
        networks[i++] = (struct network){e->key.addr, e->values[s->kind]};
    list = address_list_make(networks, count, s->by_value ? &s->value : NULL);
    free(networks);
    return list ? ruleset_own_list(r->out, list) : NULL;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = ((const struct rule_range *)a)->lo, y = ((const struct rule_range *)b)->lo;

    return (x > y) - (x < y);
}

/* Appends an atom to the rule's last clause with atoms. */
static struct rule_atom *append_atom(struct rule *rule, struct rule_clause *clause)
{
    if (rule->atom_count == RULE_ATOMS_MAX)
        return NULL;
    clause->count++;
    memset(&rule->atoms[rule->atom_count], 0, sizeof(*rule->atoms));
    return &rule->atoms[rule->atom_count++];
}

/* Consecutive numbers become a range. */
static bool append_numbers(struct rule *rule, struct rule_clause *clause, struct rule_range *all,
                           size_t count)
{
    struct rule_atom *last = NULL;

    qsort(all, count, sizeof(*all), compare_numbers);
    for (size_t i = 0; i < count; i++) {
        if (last && all[i].lo == last->range.hi + 1) {
            last->range.hi = all[i].lo;
            continue;
        }
        last = append_atom(rule, clause);
        if (!last)
            return false;
        last->range = all[i];
    }
    return true;
}

/* False: they are too many for a rule. */
static bool select_atoms(struct rule *rule, struct rule_clause *clause, const struct selection *s)
{
    struct rule_range *numbers = grow_array(NULL, HASH_COUNT(s->table->entries), sizeof(*numbers));
    size_t count = 0;
    bool fits = true;

    clause->first = rule->atom_count;
    for (const struct ipfw_entry *e = s->table->entries; e && fits; e = e->hh.next) {
        struct rule_atom *atom;

        if (!is_selected(s, e))
            continue;
        if (s->table->type == TABLE_NUMBER) {
            numbers[count++] = e->key.range;
            continue;
        }
        atom = append_atom(rule, clause);
        fits = atom;
        if (atom)
            *atom = e->key;
    }
    if (count)
        fits = append_numbers(rule, clause, numbers, count);
    free(numbers);
    return fits;
}

/* The highest number of a field: ports have 16 bits, a DSCP 6. Higher ones never match. */
static uint32_t highest_number(enum clause_kind kind)
{
    return kind == CLAUSE_DSCP ? 63 : kind == CLAUSE_UID ? UINT32_MAX - 1 : 65535;
}

static bool drop_high_numbers(struct rule *rule, struct rule_clause *clause)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < clause->count; i++) {
        struct rule_range range = rule->atoms[clause->first + i].range;

        if (range.lo > highest_number(clause->kind))
            continue;
        if (range.hi > highest_number(clause->kind))
            range.hi = highest_number(clause->kind);
        rule->atoms[clause->first + kept++].range = range;
    }
    clause->count = kept;
    return true;
}

/* Fills a clause with the selected entries. Without any it never holds. */
static bool fill_clause(struct resolving *r, struct rule *rule, struct rule_clause *clause,
                        const struct selection *s)
{
    enum ipfw_table_type wanted = type_of_clause(clause->kind);

    if (s->table && s->table->type != wanted)
        return fail_rule(r, rule, "the table '%s' has the type %s, and the rule needs %s",
                         s->table->name, table_type_name(s->table->type), table_type_name(wanted));
    if (!s->table)
        return true;
    if (wanted == TABLE_ADDR) {
        clause->list = select_addresses(r, s);
        return true;
    }
    if (!select_atoms(rule, clause, s))
        return fail_rule(r, rule,
                         "the table '%s' has too many entries: a rule holds %d items in all",
                         s->table->name, RULE_ATOMS_MAX);
    if (wanted == TABLE_NUMBER)
        drop_high_numbers(rule, clause);
    return true;
}

static void remove_clause(struct rule *rule, unsigned at)
{
    rule->clause_count--;
    for (; at < rule->clause_count; at++)
        rule->clauses[at] = rule->clauses[at + 1];
}

static struct selection select_entries(const struct resolving *r, const struct rule *rule,
                                       const struct rule_clause *clause)
{
    const struct rule_table *named = &rule->tables[clause->table - 1];

    return (struct selection){.table = table_find(&r->model->tables, named->name),
                              .by_value = named->has_value,
                              .kind = VALUE_TAG,
                              .value = named->value};
}

/*
 * The clause, counted from 1, whose entry gives the argument: the last one with a table; 0: none.
 */
static unsigned clause_of_argument(const struct rule *rule)
{
    unsigned found = 0;

    for (unsigned i = 0; i < rule->clause_count; i++) {
        if (rule->clauses[i].table && !rule->clauses[i].negated)
            found = i + 1;
    }
    return found;
}

static enum ipfw_value value_of_action(enum rule_action action)
{
    return action == RULE_SKIPTO    ? VALUE_SKIPTO
           : action == RULE_SETDSCP ? VALUE_DSCP
                                    : VALUE_DIVERT;
}

/* Adds a rule in place of one that no packet can match: it does nothing, and is still shown. */
static void add_idle(struct resolving *r, const struct rule *given)
{
    struct rule *rule = grow_array(NULL, 1, sizeof(*rule));

    memset(rule, 0, sizeof(*rule));
    rule->number = given->number;
    rule->set = given->set;
    rule->action = RULE_COUNT;
    rule->clause_count = 1;
    rule->clauses[0] = (struct rule_clause){.kind = CLAUSE_PROB, .count = 1};
    rule->atom_count = 1; /* a probability of 0 */
    memcpy(rule->text, given->text, sizeof(rule->text));
    ruleset_add(r->out, rule);
    free(rule);
}

/*
 * Fills in the tables of a rule and adds it. If AT is not 0, the entry of clause AT (from 1) must
 * have the value ARGUMENT.
 */
static bool add_resolved(struct resolving *r, const struct rule *given, unsigned at,
                         uint32_t argument)
{
    struct rule *rule = grow_array(NULL, 1, sizeof(*rule));
    bool ok = true, possible = true;

    *rule = *given;
    for (unsigned i = rule->clause_count; i-- > 0 && ok && possible;) {
        struct rule_clause *clause = &rule->clauses[i];
        struct selection s;

        if (!clause->table)
            continue;
        s = select_entries(r, rule, clause);
        if (i + 1 == at) {
            s.by_value = true;
            s.kind = value_of_action(rule->action);
            s.value = argument;
        }
        ok = fill_clause(r, rule, clause, &s);
        if (!ok || clause->list || clause->count)
            continue;
        possible = clause->negated;
        remove_clause(rule, i);
    }
    if (at) {
        rule->argument = argument;
        rule->tablearg = false;
    }
    if (ok && possible)
        ruleset_add(r->out, rule);
    else if (ok)
        add_idle(r, given);
    free(rule);
    return ok;
}

static bool check_argument(struct resolving *r, const struct rule *rule, uint32_t value)
{
    if (rule->action == RULE_SKIPTO && (value <= rule->number || value > RULE_DEFAULT))
        return fail_rule(r, rule,
                         "the table has the value %u, and skipto goes forward only: expected %u "
                         "to 65535",
                         value, rule->number + 1);
    if (rule->action == RULE_SETDSCP && value > 63)
        return fail_rule(r, rule, "the table has the value %u: a DSCP is from 0 to 63", value);
    if (value_of_action(rule->action) == VALUE_DIVERT && (value < 1 || value > 65535))
        return fail_rule(r, rule, "the table has the value %u: a divert port is from 1 to 65535",
                         value);
    return true;
}

/* A rule for each value of the table. */
static bool add_for_values(struct resolving *r, const struct rule *rule, unsigned at)
{
    struct selection s = select_entries(r, rule, &rule->clauses[at - 1]);
    enum ipfw_value kind = value_of_action(rule->action);
    uint32_t *done = grow_array(NULL, s.table ? HASH_COUNT(s.table->entries) : 0, sizeof(*done));
    size_t count = 0;
    bool ok = true;

    for (const struct ipfw_entry *e = s.table ? s.table->entries : NULL; e && ok; e = e->hh.next) {
        uint32_t value = e->values[kind];
        bool again = !is_selected(&s, e);

        for (size_t i = 0; i < count && !again; i++)
            again = done[i] == value;
        if (again)
            continue;
        done[count++] = value;
        ok = check_argument(r, rule, value) && add_resolved(r, rule, at, value);
    }
    free(done);
    if (ok && !count)
        add_idle(r, rule);
    return ok;
}

static bool resolve_rule(struct resolving *r, const struct rule *rule)
{
    unsigned at = clause_of_argument(rule);

    if (!rule->tablearg)
        return add_resolved(r, rule, 0, 0);
    if (!at)
        return fail_rule(r, rule, "'tablearg' needs a table in the rule, without 'not' before it");
    return add_for_values(r, rule, at);
}

bool ipfw_resolve(const struct ipfw_model *model, struct ruleset *out, struct text *why)
{
    struct resolving r = {model, out, why};
    bool ok = true;

    for (size_t i = 0; i < model->rules.count && !model->off && ok; i++) {
        const struct rule *rule = model->rules.rules[i];

        if (!(model->disabled_sets & 1u << rule->set))
            ok = resolve_rule(&r, rule);
    }
    return ok;
}
