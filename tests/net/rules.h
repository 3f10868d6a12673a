/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that divert-run makes, and what looks at packets behind them. */
#ifndef RULES_H
#define RULES_H

#define RULES_BACKENDS 2

/* The back ends by number: iptables-nft and iptables-legacy. */
extern const char *const rules_backends[RULES_BACKENDS];

/*
 * Has divert-run hold these rules (strings, NULL at the end) in this namespace with that back end,
 * until the test ends. The divert sockets of the test know then that rules have tags.
 */
void rules_hold(int backend, const char *rule, ...) __attribute__((sentinel));
void rules_hold_list(int backend, const char *const *rules);

/*
 * A chain of nft's own: behind the rules of the hook ("prerouting", "postrouting", ...), or before
 * them. The statement is nft's, such as "meta mark != 0 drop".
 */
void look_behind(const char *hook, const char *statement);
void look_before(const char *hook, const char *statement);

#endif
