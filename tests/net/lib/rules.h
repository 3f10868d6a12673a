/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that divert-run makes, and chains that examine packets before or after them. */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>

/*
 * The number of packet filters to try: iptables-nft, iptables-legacy, and nft if the kernel can
 * queue from it; or those that $TEST_BACKENDS names, separated by blanks.
 */
int rules_backends(void);

/*
 * The number of nft among them. Prints "SKIP: why" and ends the program with 77 if it is missing.
 */
int rules_nft(void);

/* Can it see incoming packets before they are reassembled? Only nft can. */
bool rules_before_reassembly(int backend);

/*
 * Runs divert-run with these rules (strings, NULL at the end) in this namespace with that back end,
 * until the test ends. It tells the test's divert sockets that rules have tags.
 */
void rules_hold(int backend, const char *rule, ...) __attribute__((sentinel));
void rules_hold_list(int backend, const char *const *rules);

/* Gives the next divert-run one more option, such as "--tag-mask=0xf". */
void rules_option(const char *option);

/* The same with rules of pf. */
void rules_hold_pf(int backend, const char *rule, ...) __attribute__((sentinel));

/*
 * Adds a separate nft chain after the rules of the hook ("prerouting", "postrouting", ...), or
 * before them. The statement is nft's, such as "meta mark != 0 drop".
 */
void look_behind(const char *hook, const char *statement);
void look_before(const char *hook, const char *statement);

#endif
