/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints a plan as input for iptables-restore(8). */
#include "iptables/private.h"

#include "common/mark.h"
#include "plan/counters.h"
#include "rule/event.h"

#include <stdio.h>
#include <stdlib.h>

const char *const iptables_tables[2] = {"raw", "mangle"};
const char *const iptables_base_chains[2] = {"PREROUTING", "POSTROUTING"};

enum table iptables_table_of(enum hook hook, bool tracked)
{
    return hook == HOOK_IN && !tracked ? TABLE_RAW : TABLE_MANGLE;
}

/*
 * A rule of iptables has one target. Lines that need several get a chain for them, shared by all
 * lines with the same targets.
 */
struct bundle {
    const struct line *line;
    char name[CHAIN_NAME_SIZE];
};

struct printer {
    const struct filter_options *options;
    const struct plan *plan;
    enum hook hook;
    struct bundle *bundles;
    size_t bundle_count;
    const struct rule *last_rule;
    struct text *out;
};

static void iptables_print_event(struct printer *p, const struct rule *rule, unsigned kind)
{
    text_add(p->out, "-j NFLOG --nflog-group %u --nflog-threshold 1 --nflog-prefix \"",
             p->options->event_group);
    event_text((enum event_kind)kind, rule, rule_shown_number(rule, p->options->tag_base), p->out);
    text_add(p->out, "\"\n");
}

static void iptables_print_op(struct printer *p, const char *chain, const struct op *op,
                              const struct rule *rule)
{
    uint32_t mask = p->options->mark_mask;
    unsigned last = op->value + p->options->listeners - 1;

    text_add(p->out, "-A %s ", chain);
    switch (op->kind) {
    case OP_SET_TAG:
        text_add(p->out, "-j MARK --set-xmark 0x%x/0x%x\n", op->value << mark_shift(mask), mask);
        break;
    case OP_QUEUE:
        if (last == op->value)
            text_add(p->out, "-j NFQUEUE --queue-num %u\n", op->value);
        else
            text_add(p->out, "-j NFQUEUE --queue-balance %u:%u\n", op->value, last);
        break;
    case OP_COPY:
        text_add(p->out, "-j NFLOG --nflog-group %u --nflog-threshold 1\n", op->value);
        break;
    case OP_EVENT:
        iptables_print_event(p, rule, op->value);
        break;
    case OP_SET_BITS:
        text_add(p->out, "-j MARK --set-xmark 0x%x/0x%x\n", op->value, op->value);
        break;
    case OP_CLEAR_BITS:
        text_add(p->out, "-j MARK --set-xmark 0x0/0x%x\n", op->value);
        break;
    case OP_SET_DSCP:
    case OP_SET_DSCP6:
        text_add(p->out, "-j DSCP --set-dscp %u\n", op->value);
        break;
    case OP_SET_MSS:
        text_add(p->out,
                 "-p tcp -m tcp --tcp-flags SYN SYN -m tcpmss --mss %u:65535 -j TCPMSS --set-mss "
                 "%u\n",
                 op->value + 1, op->value);
        break;
    }
}

static bool has_op(const struct line *line, enum op_kind kind)
{
    for (unsigned i = 0; i < line->op_count; i++) {
        if (line->ops[i].kind == kind)
            return true;
    }
    return false;
}

static bool same_ops(const struct line *a, const struct line *b)
{
    if (a->op_count != b->op_count || a->verdict != b->verdict)
        return false;
    if (a->rule != b->rule && has_op(a, OP_EVENT))
        return false;
    for (unsigned i = 0; i < a->op_count; i++) {
        if (a->ops[i].kind != b->ops[i].kind || a->ops[i].value != b->ops[i].value)
            return false;
    }
    return true;
}

/* OP_SET_MSS has conditions of its own. */
static bool needs_bundle(const struct line *line)
{
    return *line->condition &&
           (line->op_count + (line->verdict != VERDICT_NONE) > 1 || has_op(line, OP_SET_MSS));
}

static const char *bundle_name(struct printer *p, const struct line *line)
{
    struct bundle *bundle;

    for (size_t i = 0; i < p->bundle_count; i++) {
        if (same_ops(p->bundles[i].line, line))
            return p->bundles[i].name;
    }
    p->bundles = grow_array(p->bundles, p->bundle_count + 1, sizeof(*p->bundles));
    bundle = &p->bundles[p->bundle_count++];
    bundle->line = line;
    snprintf(bundle->name, sizeof(bundle->name), "%s%s-x%zu", p->plan->prefix,
             p->plan->dialect->hook_names[p->hook], p->bundle_count);
    return bundle->name;
}

static void iptables_declare_chains(struct printer *p)
{
    for (size_t i = 0; i < p->plan->count; i++) {
        const struct chain *chain = p->plan->chains[i];

        if (chain->hook != p->hook)
            continue;
        text_add(p->out, ":%s - [0:0]\n", chain->name);
        for (size_t j = 0; j < chain->count; j++) {
            if (needs_bundle(&chain->lines[j]))
                bundle_name(p, &chain->lines[j]);
        }
    }
    for (size_t i = 0; i < p->bundle_count; i++)
        text_add(p->out, ":%s - [0:0]\n", p->bundles[i].name);
}

/* A line that returns goes to its bundle by goto, so that the end of the bundle returns, too. */
static void iptables_print_bundles(struct printer *p)
{
    for (size_t i = 0; i < p->bundle_count; i++) {
        const struct bundle *bundle = &p->bundles[i];

        for (unsigned j = 0; j < bundle->line->op_count; j++)
            iptables_print_op(p, bundle->name, &bundle->line->ops[j], bundle->line->rule);
        if (bundle->line->verdict == VERDICT_DROP)
            text_add(p->out, "-A %s -j DROP\n", bundle->name);
    }
}

static void iptables_print_verdict(struct printer *p, const struct line *line)
{
    switch (line->verdict) {
    case VERDICT_RETURN:
        text_add(p->out, " -j RETURN\n");
        break;
    case VERDICT_DROP:
        text_add(p->out, " -j DROP\n");
        break;
    case VERDICT_JUMP:
        text_add(p->out, " -j %s\n", line->target);
        break;
    case VERDICT_GOTO:
        text_add(p->out, " -g %s\n", line->target);
        break;
    case VERDICT_NONE:
        text_add(p->out, "\n");
        break;
    }
}

/* The first row of a line counts its packets, unless that has conditions of its own. */
static bool needs_counter(const struct line *line)
{
    return line->counts && !*line->condition && line->op_count && line->ops[0].kind == OP_SET_MSS;
}

/* How many rules of iptables a line becomes. */
static unsigned count_rows(const struct line *line)
{
    if (needs_bundle(line) || !line->op_count || *line->condition)
        return 1;
    return line->op_count + (line->verdict != VERDICT_NONE) + needs_counter(line);
}

/* Names a rule before its lines. */
static void iptables_print_rule(struct printer *p, const struct rule *rule)
{
    if (rule && rule != p->last_rule) {
        text_add(p->out, "# ");
        rule_comment(rule, p->out);
        text_add(p->out, "\n");
        p->last_rule = rule;
    }
}

static void iptables_print_line(struct printer *p, const struct chain *chain,
                                const struct line *line)
{
    iptables_print_rule(p, line->rule);
    if (needs_bundle(line)) {
        text_add(p->out, "-A %s %s -%c %s\n", chain->name, line->condition,
                 line->verdict == VERDICT_RETURN ? 'g' : 'j', bundle_name(p, line));
        return;
    }
    if (*line->condition && line->op_count) {
        struct text name = {0};

        text_add(&name, "%s %s", chain->name, line->condition);
        iptables_print_op(p, text_str(&name), &line->ops[0], line->rule);
        text_free(&name);
        return;
    }
    if (needs_counter(line))
        text_add(p->out, "-A %s\n", chain->name);
    for (unsigned i = 0; i < line->op_count; i++)
        iptables_print_op(p, chain->name, &line->ops[i], line->rule);
    if (line->op_count && line->verdict == VERDICT_NONE)
        return;
    text_add(p->out, "-A %s%s%s", chain->name, *line->condition ? " " : "", line->condition);
    iptables_print_verdict(p, line);
}

static void iptables_print_chain(struct printer *p, const struct chain *chain)
{
    unsigned row = 0;

    p->last_rule = NULL;
    iptables_print_rule(p, chain->rule);
    for (size_t i = 0; i < chain->count; i++) {
        counters_add(p->options->counters, p->plan->family, chain, &chain->lines[i], row);
        iptables_print_line(p, chain, &chain->lines[i]);
        row += count_rows(&chain->lines[i]);
    }
}

/* The jumps to the lists of all runs are together, in the order in which the runs started. */
static void iptables_print_jump(struct printer *p, enum hook hook)
{
    const struct filter_options *o = p->options;
    unsigned at = o->list_at[p->plan->family == 6][hook];

    text_add(p->out, "-I %s %u -m comment --comment \"%s\" -j %s%s\n", iptables_base_chains[hook],
             at ? at : 1, o->owner, p->plan->prefix, p->plan->dialect->hook_names[hook]);
}

static void iptables_print_hook(struct printer *p, enum hook hook)
{
    p->hook = hook;
    p->bundle_count = 0;
    iptables_declare_chains(p);
    for (size_t i = 0; i < p->plan->count; i++) {
        if (p->plan->chains[i]->hook == hook)
            iptables_print_chain(p, p->plan->chains[i]);
    }
    iptables_print_bundles(p);
    iptables_print_jump(p, hook);
}

static void iptables_print_table(struct printer *p, enum table table)
{
    text_add(p->out, "*%s\n", iptables_tables[table]);
    for (int hook = HOOK_IN; hook <= HOOK_OUT; hook++) {
        if (iptables_table_of((enum hook)hook, p->options->tracked) == table)
            iptables_print_hook(p, (enum hook)hook);
    }
    text_add(p->out, "COMMIT\n");
}

bool iptables_text(const struct ruleset *rules, const struct filter_options *options, int family,
                   struct text *out, const struct rule **too_long)
{
    struct dialect dialect = iptables_dialect(options);
    struct plan plan = {.dialect = &dialect, .rules = rules, .family = family};
    struct printer p = {.options = options, .plan = &plan, .out = out};

    snprintf(plan.prefix, sizeof(plan.prefix), "divert-%s-", options->id);
    plan_make(&plan);
    if (!options->tracked)
        iptables_print_table(&p, TABLE_RAW);
    iptables_print_table(&p, TABLE_MANGLE);
    free(p.bundles);
    *too_long = plan.too_long;
    plan_free(&plan);
    return !*too_long;
}
