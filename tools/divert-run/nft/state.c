/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynamic rules in sets of nf_tables, which the rules fill. Each rule that makes some has for each
 * family
 *
 * - state-N-4p: addresses and ports, as in the packet that made it. For TCP, connections that are
 *   not yet established, or no longer;
 * - state-N-4e: established TCP connections;
 * - state-N-4o: addresses only, of protocols without ports;
 * - limit-N-4: what `limit` counts, see state_limit.c.
 *
 * fin-4 has the directions of TCP connections that were closed. An element lasts for the lifetime
 * that its latest packet gave it. The sets count a packet both when it finds an element and when it
 * prolongs it: NFT_STATE_COUNTS times.
 */
#include "nft/private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

enum { SYN = TH_SYN, ACK = TH_ACK, RST = TH_RST, FIN = TH_FIN };

enum set_kind { SET_PORTS, SET_ESTABLISHED, SET_OTHER };
static const char set_letters[] = {'p', 'e', 'o'};

/* The dynamic rules of one rule in one family. */
struct maker {
    const struct plan *plan;
    const struct rule *rule;
    size_t index; /* of the rule, in names */
    int family;
};

/* What protocols the packets of a rule can have. */
static bool makes_tcp(const struct rule *rule)
{
    return rule_proto(rule) == -1 || rule_proto(rule) == IPPROTO_TCP;
}

static bool is_datagrams(int proto)
{
    return proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE || proto == IPPROTO_SCTP ||
           proto == IPPROTO_DCCP;
}

static bool makes_datagrams(const struct rule *rule)
{
    return rule_proto(rule) == -1 || is_datagrams(rule_proto(rule));
}

static bool makes_others(const struct rule *rule)
{
    return rule_proto(rule) == -1 || (!makes_tcp(rule) && !makes_datagrams(rule));
}

static bool has_set(const struct rule *rule, enum set_kind kind)
{
    switch (kind) {
    case SET_PORTS:
        return makes_tcp(rule) || makes_datagrams(rule);
    case SET_ESTABLISHED:
        return makes_tcp(rule);
    default:
        return makes_others(rule);
    }
}

static size_t rule_index(const struct plan *plan, const struct rule *rule)
{
    size_t i = 0;

    while (plan->rules->rules[i] != rule)
        i++;
    return i + 1;
}

/* ---- words ---- */

static const char *family_word(int family)
{
    return family == 4 ? "ip" : "ip6";
}

/* The key: the packet's ends, in order or exchanged. */
static void add_state_key(const struct maker *m, enum set_kind kind, bool reverse, struct text *out)
{
    const char *ip = family_word(m->family), *from = reverse ? "d" : "s", *to = reverse ? "s" : "d";

    if (kind == SET_OTHER)
        text_add(out, "%s %saddr . %s %saddr . meta l4proto", ip, from, ip, to);
    else
        text_add(out, "%s %saddr . th %sport . %s %saddr . th %sport . meta l4proto", ip, from,
                 from, ip, to, to);
}

static void add_set(const struct maker *m, enum set_kind kind, struct text *out)
{
    text_add(out, "@state-%zu-%d%c ", m->index, m->family, set_letters[kind]);
}

/* "KEY @SET ": is it there? */
static void add_found(const struct maker *m, enum set_kind kind, bool reverse, struct text *out)
{
    add_state_key(m, kind, reverse, out);
    text_add(out, " ");
    add_set(m, kind, out);
}

/* Prolongs the element. */
static void add_update(const struct maker *m, enum set_kind kind, bool reverse, unsigned seconds,
                       struct text *out)
{
    text_add(out, "update ");
    add_set(m, kind, out);
    text_add(out, "{ ");
    add_state_key(m, kind, reverse, out);
    text_add(out, " timeout %us counter } ", seconds);
}

/* Adds the element, and then finds it. */
static void add_new(const struct maker *m, enum set_kind kind, bool reverse, unsigned seconds,
                    struct text *out)
{
    add_update(m, kind, reverse, seconds, out);
    add_found(m, kind, reverse, out);
}

static void add_delete(const struct maker *m, enum set_kind kind, bool reverse, struct text *out)
{
    text_add(out, "delete ");
    add_set(m, kind, out);
    text_add(out, "{ ");
    add_state_key(m, kind, reverse, out);
    text_add(out, " } ");
}

static void add_flags(unsigned mask, const char *is, unsigned value, struct text *out)
{
    text_add(out, "tcp flags & 0x%x %s 0x%x ", mask, is, value);
}

/* Adds a line with TEXT as its condition, and empties TEXT. */
static struct line *line_of(struct chain *chain, struct text *text)
{
    struct line *line;

    if (text->len && text->s[text->len - 1] == ' ')
        text->s[--text->len] = '\0';
    line = chain_line(chain, text_str(text));
    text_free(text);
    return line;
}

/* ---- making ---- */

/* A connection begins without the FINs of an earlier one between the same ports. */
static void forget_closing(const struct maker *m, struct text *out)
{
    for (int reverse = 0; reverse < 2; reverse++) {
        text_add(out, "delete @fin-%d { ", m->family);
        add_state_key(m, SET_PORTS, reverse, out);
        text_add(out, " } ");
    }
}

static void make_tcp(const struct maker *m, struct chain *chain)
{
    const struct dynamic_lifetimes *lifetimes = m->plan->dialect->lifetimes;
    struct text text = {0};

    text_add(&text, "meta l4proto tcp ");
    forget_closing(m, &text);
    line_of(chain, &text);
    add_flags(SYN | ACK | RST | FIN, "==", SYN, &text);
    add_new(m, SET_PORTS, false, lifetimes->syn, &text);
    line_of(chain, &text);
    text_add(&text, "meta l4proto tcp ");
    add_flags(SYN | ACK | RST | FIN, "!=", SYN, &text);
    add_new(m, SET_PORTS, false, lifetimes->rst, &text);
    line_of(chain, &text);
}

static void make_datagrams(const struct maker *m, struct chain *chain)
{
    const struct dynamic_lifetimes *lifetimes = m->plan->dialect->lifetimes;
    struct text text = {0};

    text_add(&text, "meta l4proto udp ");
    add_new(m, SET_PORTS, false, lifetimes->udp, &text);
    line_of(chain, &text);
    text_add(&text, "meta l4proto { udplite, sctp, dccp } ");
    add_new(m, SET_PORTS, false, lifetimes->other, &text);
    line_of(chain, &text);
}

static void make_others(const struct maker *m, struct chain *chain)
{
    struct text text = {0};

    text_add(&text, "meta l4proto != { tcp, udp, udplite, sctp, dccp } ");
    add_new(m, SET_OTHER, false, m->plan->dialect->lifetimes->other, &text);
    line_of(chain, &text);
}

/* A packet is dropped if the set is full, as ipfw does. */
static void drop_if_missing(const struct maker *m, enum set_kind kind, struct chain *chain)
{
    struct text text = {0};

    text_add(&text, "meta l4proto %s{ tcp, udp, udplite, sctp, dccp } ",
             kind == SET_OTHER ? "!= " : "");
    add_state_key(m, kind, false, &text);
    text_add(&text, " != ");
    add_set(m, kind, &text);
    line_of(chain, &text)->verdict = VERDICT_DROP;
}

void nft_state_make(const struct plan *plan, struct chain *chain, const struct rule *rule)
{
    struct maker m = {.plan = plan, .rule = rule, .index = rule_index(plan, rule)};

    for (m.family = 4; m.family <= 6; m.family += 2) {
        if (!rule_has_family(rule, m.family))
            continue;
        if (rule->state.limit)
            nft_limit_make(plan, chain, rule, m.family);
        if (makes_tcp(rule))
            make_tcp(&m, chain);
        if (makes_datagrams(rule))
            make_datagrams(&m, chain);
        if (makes_others(rule))
            make_others(&m, chain);
        if (has_set(rule, SET_PORTS))
            drop_if_missing(&m, SET_PORTS, chain);
        if (makes_others(rule))
            drop_if_missing(&m, SET_OTHER, chain);
    }
}

/* ---- looking ---- */

static bool goes_on(const struct rule *rule)
{
    return rule->action == RULE_COUNT || rule->action == RULE_TEE || rule->action == RULE_SETDSCP ||
           rule->action == RULE_SETMSS;
}

/* The action of the rule. After it the packet goes on behind that rule, as its tag says. */
static struct chain *action_chain(struct plan *plan, enum hook hook, const struct rule *rule,
                                  int family)
{
    struct chain *chain = plan_chain(plan, hook, "-act%u", ++plan->lists);
    struct line *behind;

    plan_action(plan, chain_line(chain, ""), rule, family, STANDING_IN_TREE);
    if (goes_on(rule)) {
        behind = chain_line(chain, "");
        line_op(behind, OP_SET_TAG, rule->number);
        behind->verdict = VERDICT_RETURN;
    }
    return chain;
}

/* A packet of an established connection that ends it, or one side of it. */
static struct chain *closing_chain(struct plan *plan, const struct maker *m, bool reverse,
                                   const struct chain *action)
{
    const struct dynamic_lifetimes *lifetimes = plan->dialect->lifetimes;
    struct chain *chain = plan_chain(plan, action->hook, "-close%u", ++plan->lists);
    struct text text = {0};

    add_flags(RST, "!=", 0, &text);
    add_new(m, SET_PORTS, reverse, lifetimes->rst, &text);
    add_delete(m, SET_ESTABLISHED, reverse, &text);
    line_goto(line_of(chain, &text), VERDICT_GOTO, action);
    text_add(&text, "update @fin-%d { ", m->family);
    add_state_key(m, SET_PORTS, false, &text);
    text_add(&text, " timeout %us }", lifetimes->ack);
    line_of(chain, &text);
    add_state_key(m, SET_PORTS, true, &text);
    text_add(&text, " @fin-%d ", m->family);
    add_new(m, SET_PORTS, reverse, lifetimes->fin, &text);
    add_delete(m, SET_ESTABLISHED, reverse, &text);
    line_goto(line_of(chain, &text), VERDICT_GOTO, action);
    add_update(m, SET_ESTABLISHED, reverse, lifetimes->ack, &text);
    line_goto(line_of(chain, &text), VERDICT_GOTO, action);
    return chain;
}

/* A packet of a connection that is not established. The SYNs of both sides establish it. */
static struct chain *opening_chain(struct plan *plan, const struct maker *m, bool reverse,
                                   const struct chain *action)
{
    const struct dynamic_lifetimes *lifetimes = plan->dialect->lifetimes;
    struct chain *chain = plan_chain(plan, action->hook, "-open%u", ++plan->lists);
    struct text text = {0};

    add_flags(reverse ? SYN | RST : SYN | ACK | RST, "==", SYN, &text);
    if (reverse) {
        add_new(m, SET_ESTABLISHED, true, lifetimes->ack, &text);
        add_delete(m, SET_PORTS, true, &text);
    } else {
        add_update(m, SET_PORTS, false, lifetimes->syn, &text);
    }
    line_goto(line_of(chain, &text), VERDICT_GOTO, action);
    add_update(m, SET_PORTS, reverse, lifetimes->rst, &text);
    line_goto(line_of(chain, &text), VERDICT_GOTO, action);
    return chain;
}

static void look_for_tcp(struct plan *plan, struct chain *chain, const struct maker *m,
                         const struct chain *action)
{
    struct text text = {0};

    for (int reverse = 0; reverse < 2; reverse++) {
        add_flags(FIN | RST, "==", 0, &text);
        add_found(m, SET_ESTABLISHED, reverse, &text);
        add_update(m, SET_ESTABLISHED, reverse, plan->dialect->lifetimes->ack, &text);
        line_goto(line_of(chain, &text), VERDICT_GOTO, action);
    }
    for (int reverse = 0; reverse < 2; reverse++) {
        add_found(m, SET_ESTABLISHED, reverse, &text);
        line_goto(line_of(chain, &text), VERDICT_GOTO, closing_chain(plan, m, reverse, action));
        add_found(m, SET_PORTS, reverse, &text);
        line_goto(line_of(chain, &text), VERDICT_GOTO, opening_chain(plan, m, reverse, action));
    }
}

/* One line for each direction. */
static void look_for_pairs(struct chain *chain, const struct maker *m, enum set_kind kind,
                           const char *proto, unsigned seconds, const struct chain *action)
{
    for (int reverse = 0; reverse < 2; reverse++) {
        struct text text = {0};

        text_add(&text, "%s", proto);
        add_found(m, kind, reverse, &text);
        add_update(m, kind, reverse, seconds, &text);
        line_goto(line_of(chain, &text), VERDICT_GOTO, action);
    }
}

enum { LOOK_TCP, LOOK_DATAGRAMS, LOOK_OTHERS, LOOKS };

static bool has_look(const struct rule *rule, int look)
{
    switch (look) {
    case LOOK_TCP:
        return makes_tcp(rule);
    case LOOK_DATAGRAMS:
        return makes_datagrams(rule);
    default:
        return makes_others(rule);
    }
}

static void look_for(struct plan *plan, struct chain *chain, const struct maker *m, int look,
                     const struct chain *action)
{
    const struct dynamic_lifetimes *lifetimes = plan->dialect->lifetimes;

    switch (look) {
    case LOOK_TCP:
        look_for_tcp(plan, chain, m, action);
        break;
    case LOOK_DATAGRAMS:
        look_for_pairs(chain, m, SET_PORTS, "meta l4proto udp ", lifetimes->udp, action);
        if (rule_proto(m->rule) != IPPROTO_UDP)
            look_for_pairs(chain, m, SET_PORTS, "", lifetimes->other, action);
        break;
    default:
        look_for_pairs(chain, m, SET_OTHER, "", lifetimes->other, action);
    }
}

/* Packets are divided by protocol first, so that each is looked up in few sets. */
static void look_in_family(struct plan *plan, struct chain *chain, const struct rule_state *check,
                           int family)
{
    static const char *const protos[LOOKS] = {" meta l4proto tcp",
                                              " meta l4proto { udp, udplite, sctp, dccp }", ""};
    struct chain **actions = grow_array(NULL, plan->rules->count, sizeof(*actions));

    memset(actions, 0, plan->rules->count * sizeof(*actions));
    for (int look = 0; look < LOOKS; look++) {
        struct chain *part = plan_chain(plan, chain->hook, "%s-%d%c", strrchr(chain->name, '-'),
                                        family, "tdo"[look]);
        struct text condition = {0};

        for (size_t i = 0; i < plan->rules->count; i++) {
            const struct maker m = {plan, plan->rules->rules[i], i + 1, family};

            if (!rule_makes_state(m.rule, check) || !rule_has_family(m.rule, family) ||
                !has_look(m.rule, look))
                continue;
            if (!actions[i])
                actions[i] = action_chain(plan, chain->hook, m.rule, family);
            look_for(plan, part, &m, look, actions[i]);
        }
        text_add(&condition, "meta nfproto ipv%d%s", family, protos[look]);
        line_goto(chain_line(chain, text_str(&condition)), VERDICT_GOTO, part);
        text_free(&condition);
    }
    free(actions);
}

void nft_state_check(struct plan *plan, struct chain *chain, const struct rule_state *check)
{
    look_in_family(plan, chain, check, 4);
    look_in_family(plan, chain, check, 6);
}

/* ---- the sets ---- */

static void print_state_sets(const struct maker *m, struct text *out)
{
    const char *ip = m->family == 4 ? "ipv4_addr" : "ipv6_addr";

    for (int kind = SET_PORTS; kind <= SET_OTHER; kind++) {
        if (!has_set(m->rule, (enum set_kind)kind))
            continue;
        text_add(out, "\tset state-%zu-%d%c {\n\t\ttype %s . ", m->index, m->family,
                 set_letters[kind], ip);
        if (kind == SET_OTHER)
            text_add(out, "%s", ip);
        else
            text_add(out, "inet_service . %s . inet_service", ip);
        text_add(out, " . inet_proto\n\t\tsize %d\n\t\tflags dynamic, timeout\n\t}\n", DYNAMIC_MAX);
    }
}

static void print_fin_set(int family, struct text *out)
{
    text_add(out,
             "\tset fin-%d {\n\t\ttype ipv%d_addr . inet_service . ipv%d_addr . inet_service . "
             "inet_proto\n\t\tsize %d\n\t\tflags dynamic, timeout\n\t}\n",
             family, family, family, 4 * DYNAMIC_MAX);
}

void nft_print_states(const struct plan *plan, struct text *out)
{
    struct maker m = {.plan = plan};

    if (!ruleset_state_rule(plan->rules))
        return;
    print_fin_set(4, out);
    print_fin_set(6, out);
    for (; m.index < plan->rules->count;) {
        m.rule = plan->rules->rules[m.index++];
        nft_print_limit(plan, m.rule, out);
        for (m.family = 4; m.rule->state.makes && m.family <= 6; m.family += 2) {
            if (!rule_has_family(m.rule, m.family))
                continue;
            print_state_sets(&m, out);
        }
    }
}
