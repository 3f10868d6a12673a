/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of nft/ share. */
#ifndef DIVERT_RUN_NFT_PRIVATE_H
#define DIVERT_RUN_NFT_PRIVATE_H

#include "nft/nft.h"

/* fields.c: clauses about header fields, and others that have a word of their own. */
void nft_field(const struct match *match, bool inverse, struct conditions *out);
/* match.c: "10.0.0.0/8" */
void nft_network(const struct rule_addr *addr, struct text *out);
/* match.c: the ranges of all atoms: "80", or "{ 80, 443, 1000-2000 }". */
void nft_ranges(const struct match *match, struct text *out);

/*
 * Priorities of base chains, the same as those of iptables' tables. The first run's lists are
 * there.
 */
#define NFT_PRIORITY_RAW    (-300)
#define NFT_PRIORITY_MANGLE (-150)

/*
 * text.c: appends the chain at the end of OUTPUT that copies their socket's mark to injected
 * packets.
 */
void nft_text_injected(uint32_t mark_mask, struct text *out);

/* state.c: dynamic rules, as struct dialect says; and their sets. */
void nft_state_make(const struct plan *plan, struct chain *chain, const struct rule *rule);
void nft_state_check(struct plan *plan, struct chain *chain, const struct rule_state *check);
void nft_print_states(const struct plan *plan, struct text *out);
/* state_limit.c: appends the line that drops a packet above the limit of the rule; prints the sets
 * of the rule, unless it counts in those of another. */
void nft_limit_make(const struct plan *plan, struct chain *chain, const struct rule *rule,
                    int family);
void nft_print_limit(const struct plan *plan, const struct rule *rule, struct text *out);

struct dialect nft_dialect(const struct filter_options *options);

/*
 * Installs TEXT, the table of a run, so that it lasts until nft_owned_remove() or the end of this
 * process. False: that is not possible here (Linux before 5.12, no library), or the text is
 * invalid; nothing has changed then.
 */
bool nft_owned_install(const char *text, const struct ruleset *rules,
                       const struct filter_options *options);
void nft_owned_remove(void);

/* xt_queue.c: is there NFQUEUE for nf_tables? If not, WHY gets the reason. */
bool nft_try_xt_queue(struct text *why);

/*
 * xt_queue.c: makes the table of a run with a chain "queue-N" for each divert port N. SOCKET is to
 * own the table; -1: no owner. 0, or errno.
 */
int nft_install_xt_queues(int socket, const struct ruleset *rules,
                          const struct filter_options *options);

#endif
