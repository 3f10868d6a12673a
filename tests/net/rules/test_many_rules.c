/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long lists, in which a packet is dispatched to the rules for its address or its port: it must
 * meet the same ones in the same order as if it were compared with all. The expected ones are
 * computed here rule by rule.
 */
#include "make_packet.h"
#include "rules.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

#define RULES   100
#define STEP    10 /* between numbers */
#define HOSTS   64 /* senders, from 10.1.0.64 or 2001:db8:1::40 on */
#define FIRST   64
#define PORTS   64
#define FURTHER 7 /* the most rules that a skipto skips */

enum action { DIVERT, DENY, ALLOW, COUNT, SKIPTO };
enum list { BY_HOST, BY_PORT, BY_BOTH, WITH_SKIPTO, LISTS };

/* A rule for that many hosts and ports from the first one on. */
struct entry {
    enum action action;
    int host, hosts, port, ports, target;
};

static struct entry entries[RULES];
static char texts[RULES][128];
static const char *rules[RULES + 1];
static unsigned seed;

static int below(int n)
{
    return rand_r(&seed) % n;
}

static const char *host_text(int host)
{
    static char text[64];

#ifdef WIRE_IPV6
    snprintf(text, sizeof(text), "2001:db8:1::%x", FIRST + host);
#else
    snprintf(text, sizeof(text), "10.1.0.%d", FIRST + host);
#endif
    return text;
}

/* Chooses a network of up to four hosts, or a single one; never one within another. */
static void choose_host(struct entry *e)
{
    int network = below(HOSTS / 4) * 4;

    if (network % 8 == 0)
        e->host = network, e->hosts = 4;
    else
        e->host = network + below(4), e->hosts = 1;
}

static void choose_port(struct entry *e)
{
    int range = below(PORTS / 4) * 4;

    if (range % 8 == 0)
        e->port = range, e->ports = 4;
    else
        e->port = range + below(4), e->ports = 1;
}

static enum action choose_action(enum list list)
{
    static const enum action often[] = {DIVERT, DIVERT, DIVERT, COUNT, COUNT, DENY, ALLOW};

    if (list == WITH_SKIPTO && below(6) == 0)
        return SKIPTO;
    return often[below(sizeof(often) / sizeof(often[0]))];
}

static void write_rule(int number, const struct entry *e)
{
    static const char *const actions[] = {"divert 8000", "deny", "allow", "count", "skipto"};
    static const char all[] = ANY "/0";
    int prefix = (HEADER == 20 ? 32 : 128) - (e->hosts == 4 ? 2 : 0), at;

    at =
        snprintf(texts[number], sizeof(texts[0]), "%d %s", (number + 1) * STEP, actions[e->action]);
    if (e->action == SKIPTO)
        at += snprintf(texts[number] + at, sizeof(texts[0]) - (size_t)at, " %d", e->target);
    if (e->hosts == HOSTS)
        at += snprintf(texts[number] + at, sizeof(texts[0]) - (size_t)at, " udp from %s", all);
    else
        at += snprintf(texts[number] + at, sizeof(texts[0]) - (size_t)at, " udp from %s/%d",
                       host_text(e->host), prefix);
    if (e->ports == PORTS)
        snprintf(texts[number] + at, sizeof(texts[0]) - (size_t)at, " to any in");
    else
        snprintf(texts[number] + at, sizeof(texts[0]) - (size_t)at, " to any %d-%d in",
                 e->port + 1000, e->port + 1000 + e->ports - 1);
    rules[number] = texts[number];
}

/* Now and then there is a rule for all hosts between two runs of these. */
static void make_rules(enum list list)
{
    seed = (unsigned)list + 1;
    for (int i = 0; i < RULES; i++) {
        struct entry *e = &entries[i];

        *e = (struct entry){choose_action(list), 0, HOSTS, 0, PORTS, 0};
        if (i % 40 != 39 && (list != BY_PORT))
            choose_host(e);
        if (i % 40 != 39 && (list == BY_PORT || (list == BY_BOTH && below(2))))
            choose_port(e);
        if (i % 40 == 39)
            e->action = i / 40 ? COUNT : DIVERT;
        e->target = (i + 2 + below(FURTHER)) * STEP;
        write_rule(i, e);
    }
}

static bool matches(const struct entry *e, int host, int port)
{
    return host >= e->host && host < e->host + e->hosts && port >= e->port &&
           port < e->port + e->ports;
}

/*
 * What ipfw does from a rule on: the number of the rule that diverts, 0 for the end, or -1 for a
 * drop.
 */
static int next_stop(int from, int host, int port)
{
    for (int i = from; i < RULES; i++) {
        if (!matches(&entries[i], host, port))
            continue;
        switch (entries[i].action) {
        case DIVERT:
            return (i + 1) * STEP;
        case DENY:
            return -1;
        case ALLOW:
            return 0;
        case SKIPTO:
            i = entries[i].target / STEP - 2;
            break;
        case COUNT:
            break;
        }
    }
    return 0;
}

/* Follows one packet through the list, and checks each rule that it meets. */
static void follow(int fd, int host, int port)
{
    uint8_t packet[64], got[64];
    wire_address from;
    size_t len = make_udp(packet, host_text(host), 1, OUT_PEER, (uint16_t)(1000 + port),
                          (uint16_t)(host * PORTS + port + 1), "x", 1);
    int stop = 0;

    wire_send(&in0, packet, len);
    while ((stop = next_stop(stop / STEP, host, port)) > 0) {
        ck_assert_uint_eq(divert_read(fd, got, sizeof(got), &from), len);
        ck_assert_int_eq(from.sin_tag, stop);
        divert_write(fd, got, len, &from);
    }
    if (stop == 0)
        wire_expect(&out0, packet, len);
}

START_TEST(test_packet_meets_the_rules_that_ask_for_it)
{
    int fd;

    make_rules(_i % LISTS);
    rules_hold_list(_i / LISTS, rules);
    fd = divert_bound(8000);
    for (int host = 0; host < HOSTS; host++) {
        for (int i = 0; i < 4; i++)
            follow(fd, host, (host * 7 + i * 17) % PORTS);
    }
    wire_expect_silence(&out0);
    ck_assert_uint_eq(queue_waiting(8000), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_packet_meets_the_rules_that_ask_for_it};

    return run_suite_with("many_rules", tests, 1, rules_backends() * LISTS);
}
