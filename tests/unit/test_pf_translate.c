/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares the decisions of pf with those of the rules that it is translated to, for random rules
 * and the packets of connections through a router. Both are evaluated here, in the simplest way: pf
 * with states, the rules with connection tracking.
 */
#include "pf/pf.h"
#include "plan/plan.h"
#include "runner.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 6
#define ROUNDS    4000

enum { NOBODY, BLOCKED = -1 }; /* the fate of a packet; else its divert port */

/*
 * Hosts are 10.1.0.N and 10.2.0.N; a packet comes in on one side of the router and leaves on the
 * other.
 */
struct packet {
    bool in;
    const char *iface;
    int proto, type; /* of ICMP */
    uint8_t src[4], dst[4];
    int sport, dport;
    uint8_t flags;
    bool answer;   /* from the side that did not begin */
    bool answered; /* the other side has answered before: connection tracking knows it */
};

/* One rule, in the words of the test. */
struct spec {
    bool block, quick, stateless;
    int direction; /* 0: both, 1: in, 2: out */
    int iface, proto, src, sport, dst, dport, flags, type;
    unsigned int divert_port;
};

/* ---- rules at random ---- */

static unsigned int pick_state;

static int pick(int below)
{
    pick_state = pick_state * 1664525u + 1013904223u;
    return (int)((pick_state >> 8) % (unsigned int)below);
}

static const char *const ifaces[] = {"", "on em0", "on em1", "on ! em0", "on { em0 em1 }"};
static const char *const protos[] = {"", "proto tcp", "proto udp", "proto icmp",
                                     "proto { tcp, udp }"};
static const char *const hosts[] = {"any", "10.1.0.2", "! 10.1.0.2", "{ 10.1.0.2 10.2/16 }",
                                    "{ 10.2.0.2, ! 10.2/16 }"};
static const char *const ports[] = {"", "port 80", "port != 80", "port { < 80, 81:90 }"};
static const char *const flags[] = {"", "flags any", "flags S/SA", "flags A/A"};
static const char *const types[] = {"", "icmp-type echoreq", "icmp-type { echorep, timereq }"};

static struct spec pick_spec(void)
{
    struct spec s = {.block = pick(3) == 0,
                     .quick = pick(4) == 0,
                     .stateless = pick(3) == 0,
                     .direction = pick(3),
                     .iface = pick(2) ? 0 : pick(5),
                     .proto = pick(5),
                     .src = pick(2) ? 0 : pick(5),
                     .dst = pick(2) ? 0 : pick(5)};
    bool has_ports = s.proto == 1 || s.proto == 2 || s.proto == 4;

    s.sport = has_ports && pick(2) ? pick(4) : 0;
    s.dport = has_ports ? pick(4) : 0;
    s.type = s.proto == 3 ? pick(3) : 0;
    /* Connections that begin without SYN are not modelled here. */
    if (s.proto != 2 && s.proto != 3)
        s.flags = pick(s.block || s.stateless ? 4 : 3);
    if (!s.block && pick(2))
        s.divert_port = (unsigned int)(700 + pick(2));
    return s;
}

static void write_spec(const struct spec *s, char *out, size_t size)
{
    static const char *const directions[] = {"", "in", "out"};
    char divert[40] = "";

    if (s->divert_port)
        snprintf(divert, sizeof(divert), "divert-packet port %u", s->divert_port);
    snprintf(out, size, "%s %s %s %s %s from %s %s to %s %s %s %s %s %s",
             s->block ? "block" : "pass", directions[s->direction], s->quick ? "quick" : "",
             ifaces[s->iface], protos[s->proto], hosts[s->src], ports[s->sport], hosts[s->dst],
             ports[s->dport], flags[s->flags], types[s->type],
             !s->block && s->stateless ? "no state" : "", divert);
}

/* ---- pf ---- */

static bool host_matches(int host, const uint8_t *a)
{
    bool first = !memcmp(a, "\x0a\x01\0\x02", 4), second = a[1] == 2;

    switch (host) {
    case 1:
        return first;
    case 2:
        return !first;
    case 3:
        return first || second;
    case 4:
        return !memcmp(a, "\x0a\x02\0\x02", 4) || !second;
    default:
        return true;
    }
}

static bool port_matches(int port, int n)
{
    return port == 0 || (port == 1 && n == 80) || (port == 2 && n != 80) ||
           (port == 3 && (n < 80 || (n >= 81 && n <= 90)));
}

static bool proto_matches(int proto, int n)
{
    return proto == 0 || (proto == 1 && n == IPPROTO_TCP) || (proto == 2 && n == IPPROTO_UDP) ||
           (proto == 3 && n == IPPROTO_ICMP) || (proto == 4 && n != IPPROTO_ICMP);
}

static bool flags_match(const struct spec *s, const struct packet *p)
{
    bool by_default = !s->flags && !s->block && !s->stateless;

    if (p->proto != IPPROTO_TCP)
        return true;
    if (s->flags == 3)
        return p->flags & TH_ACK;
    if (s->flags == 2 || by_default)
        return (p->flags & (TH_SYN | TH_ACK)) == TH_SYN;
    return true;
}

static bool spec_matches(const struct spec *s, const struct packet *p)
{
    bool em0 = !strcmp(p->iface, "em0");

    if (s->direction && (s->direction == 1) != p->in)
        return false;
    if ((s->iface == 1 && !em0) || (s->iface == 2 && em0) || (s->iface == 3 && em0))
        return false;
    if ((s->type == 1 && p->type != 8) || (s->type == 2 && p->type != 0 && p->type != 13))
        return false;
    return proto_matches(s->proto, p->proto) && host_matches(s->src, p->src) &&
           host_matches(s->dst, p->dst) && port_matches(s->sport, p->sport) &&
           port_matches(s->dport, p->dport) && flags_match(s, p);
}

/* What the rules decide about a packet without a state. DECIDED: the rule that decides, or NULL. */
static int pf_rules(const struct spec *specs, int count, const struct packet *p,
                    const struct spec **decided)
{
    *decided = NULL;
    for (int i = 0; i < count; i++) {
        if (!spec_matches(&specs[i], p))
            continue;
        *decided = &specs[i];
        if (specs[i].quick)
            break;
    }
    return !*decided ? NOBODY : (*decided)->block ? BLOCKED : (int)(*decided)->divert_port;
}

/* States of one connection: of what came in first, and of what went out first. */
struct states {
    bool there[2];
    int fate[2];
};

/* Here, states begin with what begins the connection. */
static bool may_begin(const struct packet *p)
{
    return !p->answer && (p->proto != IPPROTO_TCP || p->flags == TH_SYN);
}

static int pf_decides(const struct spec *specs, int count, const struct packet *p,
                      struct states *states)
{
    int which = p->in != p->answer;
    const struct spec *decided;
    int fate;

    if (states->there[which])
        return states->fate[which];
    fate = pf_rules(specs, count, p, &decided);
    if (may_begin(p) && decided && !decided->block && !decided->stateless) {
        states->there[which] = true;
        states->fate[which] = fate;
    }
    return fate;
}

/* ---- the translation ---- */

static bool prefix_matches(const struct rule_addr *addr, const uint8_t *a)
{
    if (addr->kind == ADDR_ANY)
        return true;
    ck_assert_int_eq(addr->kind, ADDR_NET4);
    for (unsigned int bit = 0; bit < addr->prefix; bit++)
        if ((addr->bytes[bit / 8] ^ a[bit / 8]) & 0x80 >> bit % 8)
            return false;
    return true;
}

static bool in_range(const struct rule_atom *atom, int n)
{
    return (uint32_t)n >= atom->range.lo && (uint32_t)n <= atom->range.hi;
}

static bool connection_matches(int connection, const struct packet *p)
{
    return connection == (p->answer ? CONNECTION_BACK : CONNECTION_FORTH) && p->answered;
}

static bool atom_matches(enum clause_kind kind, const struct rule_atom *atom,
                         const struct packet *p)
{
    bool has_ports = p->proto != IPPROTO_ICMP;

    switch (kind) {
    case CLAUSE_FAMILY:
        return atom->range.lo == 4;
    case CLAUSE_PROTO:
        return in_range(atom, p->proto);
    case CLAUSE_SRC:
        return prefix_matches(&atom->addr, p->src);
    case CLAUSE_DST:
        return prefix_matches(&atom->addr, p->dst);
    case CLAUSE_SPORT:
        return has_ports && in_range(atom, p->sport);
    case CLAUSE_DPORT:
        return has_ports && in_range(atom, p->dport);
    case CLAUSE_VIA:
        return !strcmp(atom->ifname, p->iface);
    case CLAUSE_TCPFLAGS:
        return p->proto == IPPROTO_TCP && (p->flags & atom->flags.mask) == atom->flags.value;
    case CLAUSE_ICMPTYPES:
        return p->proto == IPPROTO_ICMP && in_range(atom, p->type);
    case CLAUSE_CONNECTION:
        return connection_matches(atom->range.lo, p);
    default:
        ck_abort_msg("clause %d", kind);
    }
}

static bool clause_matches(const struct rule *rule, const struct rule_clause *clause,
                           const struct packet *p)
{
    if (clause->kind == CLAUSE_IN || clause->kind == CLAUSE_OUT)
        return (clause->kind == CLAUSE_IN) == p->in;
    for (unsigned int i = 0; i < clause->count; i++)
        if (atom_matches(clause->kind, &rule->atoms[clause->first + i], p))
            return !clause->negated;
    return clause->negated;
}

static bool rule_matches(const struct rule *rule, const struct packet *p)
{
    for (unsigned int i = 0; i < rule->clause_count; i++)
        if (!clause_matches(rule, &rule->clauses[i], p))
            return false;
    return true;
}

static int translation_decides(const struct ruleset *rules, const struct packet *p)
{
    unsigned int from = 0;

    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];

        if (rule->number < from || !rule_matches(rule, p))
            continue;
        if (rule->action == RULE_SKIPTO)
            from = rule->argument;
        else
            return rule->action == RULE_DENY    ? BLOCKED
                   : rule->action == RULE_ALLOW ? NOBODY
                                                : (int)rule->argument;
    }
    return NOBODY;
}

/* ---- connections ---- */

/* The same packet as it leaves by the other side. */
static void forward(struct packet *p)
{
    p->in = false;
    p->iface = strcmp(p->iface, "em0") ? "em0" : "em1";
}

static void turn(struct packet *p)
{
    uint8_t src[4];
    int sport = p->sport;

    memcpy(src, p->src, 4);
    memcpy(p->src, p->dst, 4);
    memcpy(p->dst, src, 4);
    p->sport = p->dport;
    p->dport = sport;
    p->in = true;
    p->answer = !p->answer;
}

static struct packet pick_packet(void)
{
    static const int numbers[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
    bool from_em0 = pick(2);
    struct packet p = {.in = true,
                       .iface = from_em0 ? "em0" : "em1",
                       .proto = numbers[pick(3)],
                       .src = {10, from_em0 ? 2 : 1, 0, (uint8_t)(2 + pick(2))},
                       .dst = {10, from_em0 ? 1 : 2, 0, (uint8_t)(2 + pick(2))}};

    p.type = p.proto == IPPROTO_ICMP ? 8 : -1;
    if (p.proto != IPPROTO_ICMP) {
        p.sport = pick(3) ? 4000 : 80;
        p.dport = pick(2) ? 80 : 79 + pick(13);
    }
    p.flags = TH_SYN;
    return p;
}

struct round {
    struct spec specs[RULES_MAX];
    char texts[RULES_MAX][512];
    int count;
    struct ruleset rules;
};

static void complain(const struct round *round, const struct packet *p, int pf, int translation)
{
    char all[RULES_MAX * 520] = "";

    for (int i = 0; i < round->count; i++) {
        strcat(all, round->texts[i]);
        strcat(all, "\n");
    }
    ck_abort_msg("proto %d, %s by %s, from %d.%d:%d to %d.%d:%d, %s: pf says %d, the rules say "
                 "%d:\n%s",
                 p->proto, p->in ? "in" : "out", p->iface, p->src[1], p->src[3], p->sport,
                 p->dst[1], p->dst[3], p->dport, p->answer ? "answer" : "request", pf, translation,
                 all);
}

/* Passes the packet in and out again. False: it was blocked. */
static bool pass_router(const struct round *round, struct packet *p, struct states *states)
{
    for (int out = 0; out < 2; out++) {
        int expected, got;

        if (out)
            forward(p);
        expected = pf_decides(round->specs, round->count, p, states);
        got = translation_decides(&round->rules, p);
        if (expected != got)
            complain(round, p, expected, got);
        if (got == BLOCKED)
            return false;
    }
    return true;
}

/* Forth, forth again, back, and forth. */
static void try_connection(const struct round *round)
{
    struct packet p = pick_packet();
    const char *iface = p.iface;
    struct states states = {0};

    for (int i = 0; i < 2; i++) {
        p.in = true;
        p.iface = iface;
        if (!pass_router(round, &p, &states))
            return;
    }
    p.answered = true;
    for (int i = 0; i < 3; i++) {
        turn(&p);
        p.flags = TH_ACK | (i == 0 ? TH_SYN : 0);
        p.type = p.proto != IPPROTO_ICMP ? -1 : p.answer ? 0 : 8;
        if (!pass_router(round, &p, &states))
            return;
    }
}

static void make_round(struct round *round)
{
    struct pf_ruleset pf = {0};
    struct rule_error error;

    *round = (struct round){.count = 1 + pick(RULES_MAX)};
    for (int i = 0; i < round->count; i++) {
        round->specs[i] = pick_spec();
        write_spec(&round->specs[i], round->texts[i], sizeof(round->texts[i]));
        ck_assert_msg(pf_statement(&pf, round->texts[i], &error) == RULE_OK, "%s: %s",
                      round->texts[i], error.message);
    }
    ck_assert(pf_translate(&pf, &round->rules, &error));
    pf_free(&pf);
}

START_TEST(the_rules_decide_as_pf_does)
{
    static struct round round;

    pick_state = 1;
    for (int i = 0; i < ROUNDS; i++) {
        make_round(&round);
        for (int j = 0; j < 10; j++)
            try_connection(&round);
        ruleset_free(&round.rules);
    }
}
END_TEST

/* ---- what is made of few rules ---- */

static struct ruleset made;

static void translate(const char *const *texts)
{
    struct pf_ruleset pf = {0};
    struct rule_error error;

    for (; *texts; texts++)
        ck_assert_msg(pf_statement(&pf, *texts, &error) == RULE_OK, "%s: %s", *texts,
                      error.message);
    ruleset_free(&made);
    ck_assert_msg(pf_translate(&pf, &made, &error), "%s", error.message);
    pf_free(&pf);
}

#define TRANSLATE(...) translate((const char *const[]){__VA_ARGS__, NULL})

START_TEST(rules_without_state_leave_connections_alone)
{
    TRANSLATE("pass in divert-packet port 700 no state", "block out quick");
    ck_assert_uint_eq(made.count, 2);
    ck_assert_int_eq(made.rules[0]->action, RULE_DENY);
    ck_assert_int_eq(made.rules[1]->action, RULE_DIVERT);
    ck_assert(!ruleset_tracks(&made));
    TRANSLATE("pass in divert-packet port 700");
    ck_assert(ruleset_tracks(&made));
}
END_TEST

/* pf's own example: forth, the first packets, and back. */
START_TEST(a_rule_with_state_is_three)
{
    TRANSLATE("pass out on em0 inet proto tcp to port 80 divert-packet port 700");
    ck_assert_uint_eq(made.count, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(made.rules[i]->action, RULE_DIVERT);
        ck_assert_uint_eq(made.rules[i]->argument, 700);
        ck_assert_uint_eq(made.rules[i]->number, (unsigned int)i + 1);
    }
    ck_assert_ptr_nonnull(rule_clause(made.rules[0], CLAUSE_OUT));
    ck_assert_ptr_null(rule_clause(made.rules[0], CLAUSE_TCPFLAGS));
    ck_assert_ptr_nonnull(rule_clause(made.rules[1], CLAUSE_IN));
    ck_assert_ptr_nonnull(rule_clause(made.rules[1], CLAUSE_SPORT));
    ck_assert_ptr_null(rule_clause(made.rules[1], CLAUSE_DPORT));
    ck_assert_ptr_null(rule_clause(made.rules[2], CLAUSE_CONNECTION));
    ck_assert_ptr_nonnull(rule_clause(made.rules[2], CLAUSE_TCPFLAGS));
    ck_assert_str_eq(made.rules[1]->text, "pass out on em0 inet proto tcp to port 80 divert-packet "
                                          "port 700 # answers");
}
END_TEST

START_TEST(errors_about_connections_are_not_blocked)
{
    unsigned int related = 0;

    TRANSLATE("block in", "pass out");
    for (size_t i = 0; i < made.count; i++) {
        const struct rule_clause *clause = rule_clause(made.rules[i], CLAUSE_CONNECTION);

        if (clause && made.rules[i]->atoms[clause->first].range.lo == CONNECTION_RELATED) {
            ck_assert_int_eq(made.rules[i]->action, RULE_ALLOW);
            ck_assert_int_eq(made.rules[i + 2 - related]->action, RULE_DENY);
            related++;
        }
    }
    ck_assert_uint_eq(related, 2);
}
END_TEST

START_TEST(too_many_rules_are_refused)
{
    static char text[8192] = "pass proto { tcp udp } from { ";
    struct pf_ruleset pf = {0};
    struct rule_error error;

    for (int i = 0; i < 80; i++)
        strcat(text, "! 10.0.0.1 ");
    strcat(text, "} to { ");
    for (int i = 0; i < 80; i++)
        strcat(text, "! 10.0.0.1 ");
    strcat(text, "}");
    for (int i = 0; i < 2; i++)
        ck_assert_msg(pf_statement(&pf, text, &error) == RULE_OK, "%s", error.message);
    ruleset_free(&made);
    ck_assert(!pf_translate(&pf, &made, &error));
    ck_assert_str_eq(error.message, "the lists in the rules of pf stand for more than 8000 rules");
    pf_free(&pf);
}
END_TEST

static void teardown(void)
{
    ruleset_free(&made);
}

int main(void)
{
    struct runner runner = runner_make("pf translation", NULL, teardown, 300);

    runner_add(&runner, the_rules_decide_as_pf_does, 1);
    runner_add(&runner, rules_without_state_leave_connections_alone, 1);
    runner_add(&runner, a_rule_with_state_is_three, 1);
    runner_add(&runner, errors_about_connections_are_not_blocked, 1);
    runner_add(&runner, too_many_rules_are_refused, 1);
    return runner_run(&runner);
}
