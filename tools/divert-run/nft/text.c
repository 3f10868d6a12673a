/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints a plan as input for nft(8): one table of our own with its base chains. */
#include "nft/private.h"

#include "common/mark.h"
#include "plan/counters.h"
#include "rule/event.h"

#define PRIORITY_COPYING (-450) /* before reassembly */

struct printer {
    const struct filter_options *options;
    const struct rule *last_rule;
    struct text *out;
};

static void nft_print_event(struct printer *p, const struct rule *rule, unsigned kind)
{
    text_add(p->out, " log prefix \"");
    event_text((enum event_kind)kind, rule, rule_shown_number(rule, p->options->tag_base), p->out);
    text_add(p->out, "\" group %u queue-threshold 1", p->options->event_group);
}

static void nft_print_op(struct printer *p, const struct op *op, const struct rule *rule)
{
    uint32_t mask = p->options->mark_mask;

    switch (op->kind) {
    case OP_SET_TAG:
        text_add(p->out, " meta mark set meta mark & 0x%08x", ~mask);
        if (op->value)
            text_add(p->out, " | 0x%08x", op->value << mark_shift(mask));
        break;
    case OP_QUEUE:
        text_add(p->out, p->options->xt_queue ? " jump queue-%u" : " queue num %u", op->value);
        if (p->options->listeners > 1 && !p->options->xt_queue)
            text_add(p->out, "-%u", op->value + p->options->listeners - 1);
        break;
    case OP_COPY:
        text_add(p->out, " log group %u queue-threshold 1", op->value);
        break;
    case OP_EVENT:
        nft_print_event(p, rule, op->value);
        break;
    case OP_SET_BITS:
        text_add(p->out, " meta mark set meta mark | 0x%08x", op->value);
        break;
    case OP_CLEAR_BITS:
        text_add(p->out, " meta mark set meta mark & 0x%08x", ~op->value);
        break;
    case OP_SET_DSCP:
        text_add(p->out, " ip dscp set %u", op->value);
        break;
    case OP_SET_DSCP6:
        text_add(p->out, " ip6 dscp set %u", op->value);
        break;
    case OP_SET_MSS:
        text_add(p->out,
                 " tcp flags & syn != 0 tcp option maxseg size > %u tcp option maxseg size set %u",
                 op->value, op->value);
        break;
    }
}

static void nft_print_verdict(struct printer *p, const struct line *line)
{
    switch (line->verdict) {
    case VERDICT_RETURN:
        text_add(p->out, " return");
        break;
    case VERDICT_DROP:
        text_add(p->out, " drop");
        break;
    case VERDICT_JUMP:
        text_add(p->out, " jump %s", line->target);
        break;
    case VERDICT_GOTO:
        text_add(p->out, " goto %s", line->target);
        break;
    case VERDICT_NONE:
        break;
    }
}

/* Each statement begins with a blank, which is dropped at the beginning of a line. */
static void nft_print_statements(struct printer *p, const struct line *line)
{
    struct text *out = p->out, statements = {0};

    p->out = &statements;
    if (line->counts)
        text_add(&statements, " counter");
    for (unsigned i = 0; i < line->op_count; i++)
        nft_print_op(p, &line->ops[i], line->rule);
    nft_print_verdict(p, line);
    p->out = out;
    text_add(out, "%s", text_str(&statements) + (!*line->condition && statements.len));
    text_free(&statements);
}

/* Names a rule before its lines. */
static void nft_print_rule(struct printer *p, const struct rule *rule)
{
    if (rule && rule != p->last_rule) {
        text_add(p->out, "\t\t# ");
        rule_comment(rule, p->out);
        text_add(p->out, "\n");
        p->last_rule = rule;
    }
}

static void nft_print_line(struct printer *p, const struct line *line)
{
    nft_print_rule(p, line->rule);
    text_add(p->out, "\t\t%s", line->condition);
    nft_print_statements(p, line);
    text_add(p->out, "\n");
}

static void nft_print_chain(struct printer *p, const struct chain *chain)
{
    p->last_rule = NULL;
    text_add(p->out, "\tchain %s {\n", chain->name);
    nft_print_rule(p, chain->rule);
    for (size_t i = 0; i < chain->count; i++) {
        counters_add(p->options->counters, 0, chain, &chain->lines[i], (unsigned)i);
        nft_print_line(p, &chain->lines[i]);
    }
    text_add(p->out, "\t}\n");
}

/* A set for each family of each list of addresses. */
static void nft_print_list(struct printer *p, const struct address_list *list, int family)
{
    size_t count;
    const struct rule_addr *networks = address_list_family(list, family, &count);

    if (!count)
        return;
    text_add(p->out,
             "\tset list%u_%d {\n\t\ttype ipv%d_addr;\n\t\tflags interval;\n"
             "\t\telements = {\n",
             list->id, family, family);
    for (size_t i = 0; i < count; i++) {
        text_add(p->out, "\t\t\t");
        nft_network(&networks[i], p->out);
        text_add(p->out, ",\n");
    }
    text_add(p->out, "\t\t}\n\t}\n");
}

static void nft_print_lists(struct printer *p, const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->list_count; i++) {
        nft_print_list(p, rules->lists[i], 4);
        nft_print_list(p, rules->lists[i], 6);
    }
}

/* No rule jumps here: the mere presence of tproxy enables reassembly before prerouting. */
static void nft_print_defrag(struct printer *p)
{
    text_add(p->out, "\tchain defrag {\n\t\tmeta l4proto tcp tproxy to :1\n\t}\n");
}

static void nft_print_base_chain(struct printer *p, const char *name, const char *hook,
                                 int priority, const char *entry)
{
    text_add(p->out, "\tchain %s {\n\t\ttype filter hook %s priority %d; policy accept;\n", name,
             hook, priority);
    text_add(p->out, "\t\tjump %s comment \"%s\"\n\t}\n", entry, p->options->owner);
}

static void nft_print_base_chains(struct printer *p, bool copying)
{
    int place = (int)p->options->place;

    if (copying)
        nft_print_base_chain(p, "copying", "prerouting", PRIORITY_COPYING, "incoming-tee");
    nft_print_base_chain(p, "prerouting", "prerouting",
                         (p->options->tracked ? NFT_PRIORITY_MANGLE : NFT_PRIORITY_RAW) + place,
                         "incoming");
    nft_print_base_chain(p, "postrouting", "postrouting", NFT_PRIORITY_MANGLE + place, "outgoing");
}

/*
 * After everything that routes a packet again in OUTPUT. The library's sockets are transparent;
 * others with our bits in their mark hardly are.
 */
void nft_text_injected(uint32_t mark_mask, struct text *out)
{
    text_add(out,
             "\tchain injected {\n\t\ttype filter hook output priority 2147483647; policy accept;\n"
             "\t\tsocket transparent 1 socket mark & 0x%08x != 0 meta mark set socket mark\n\t}\n",
             mark_mask);
}

bool nft_text(const struct ruleset *rules, const struct filter_options *options, struct text *out,
              const struct rule **too_long)
{
    struct dialect dialect = nft_dialect(options);
    struct plan plan = {.dialect = &dialect, .rules = rules};
    struct printer p = {.options = options, .out = out};

    plan_make(&plan);
    text_add(out, "table inet divert_%s {\n", options->id);
    if (plan.defrag && !options->no_defrag)
        nft_print_defrag(&p);
    nft_print_states(&plan, out);
    nft_print_lists(&p, rules);
    for (size_t i = 0; i < plan.count; i++)
        nft_print_chain(&p, plan.chains[i]);
    nft_print_base_chains(&p, plan.early > 0);
    if (options->socket_mark)
        nft_text_injected(options->mark_mask, out);
    text_add(out, "}\n");
    *too_long = plan.too_long;
    plan_free(&plan);
    return !*too_long;
}
