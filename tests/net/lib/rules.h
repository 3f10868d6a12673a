/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that divert-run makes, and what looks at packets behind them. */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>

/*
 * How many packet filters there are to try: iptables-nft, iptables-legacy, and nft if the kernel
 * can queue from it; or those that $TEST_BACKENDS names, with blanks between them.
 */
int rules_backends(void);

/* The number of nft among them. Prints "SKIP: why" and ends the program with 77 if it is not there.
 */
int rules_nft(void);

/* Can it look at incoming packets before they are reassembled? nft can. */
bool rules_before_reassembly(int backend);

/*
 * Has divert-run hold these rules (strings, NULL at the end) in this namespace with the back end of
 * that number, until the test ends. The divert sockets of the test know then that rules have tags.
 */
void rules_hold(int backend, const char *rule, ...) __attribute__((sentinel));
void rules_hold_list(int backend, const char *const *rules);

/* Has the next divert-run take one option more, such as "--tag-mask=0xf". */
void rules_option(const char *option);

/* The same with rules of pf. */
void rules_hold_pf(int backend, const char *rule, ...) __attribute__((sentinel));

/*
 * A chain of nft's own: behind the rules of the hook ("prerouting", "postrouting", ...), or before
 * them. The statement is nft's, such as "meta mark != 0 drop".
 */
void look_behind(const char *hook, const char *statement);
void look_before(const char *hook, const char *statement);

#endif
