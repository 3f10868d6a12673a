/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules in nftables: their text, and installing them by nft(8) or libnftables. */
#ifndef DIVERT_RUN_NFT_H
#define DIVERT_RUN_NFT_H

#include "plan/plan.h"
#include "util/owner.h"

/* Number of runs that fit before the priority of destination NAT. */
#define NFT_PLACES 50

/* How often an element of a set of dynamic rules counts each packet. */
#define NFT_STATE_COUNTS 2

/*
 * Appends the text of RULES, for both families, to OUT. Touches nothing. False, with *too_long set:
 * that rule has more lists than chains can be nested.
 */
bool nft_text(const struct ruleset *rules, const struct filter_options *options, struct text *out,
              const struct rule **too_long);

/* Can nft queue packets here? If not, WHY gets the reason. */
bool nft_probe(struct text *why);
/* Can it queue packets by iptables' NFQUEUE target, as options->xt_queue says? */
bool nft_probe_xt_queue(struct text *why);
/* Can nft copy the socket's mark to injected packets? ID is that of a table to try it with. */
bool nft_probe_injected(const char *id);
/*
 * A table for all runs whose rules are in iptables, which copies that mark to injected packets. It
 * must stay until the last of them ends. False: it is not there.
 */
bool nft_injected_install(uint32_t mark_mask);
bool nft_injected_exists(void);
/* Returns whether it was there. */
bool nft_injected_remove(void);
/* Installs TEXT, which nft_text() made of the rules, all of it or nothing. 0, or an exit status
 * after an error message. */
int nft_install(const char *text, const struct ruleset *rules,
                const struct filter_options *options);
/* Removes the table of the run ID; it may be gone already. False: some of it stayed. */
bool nft_remove(const char *id);
/* Enters in OPTIONS the place of our rules behind those of other runs, and in OTHERS their tags. */
void nft_survey(struct filter_options *options, struct owner_tags *others);
/* Has another run its rules in nft? */
bool nft_has_runs(void);
/* The generation, which grows with each change of nf_tables; 0 if the kernel does not tell. */
uint32_t nft_generation(void);
/* Are the rules of the run ID in place? */
bool nft_in_place(const char *id);
/* Appends the listing of the table of the run ID, with numbers for all names. False: it failed. */
bool nft_list(const char *id, struct text *out);
/* Is there a table of a run ID? */
bool nft_id_taken(const char *id);
/* Removes the tables of dead runs. Returns their number, or -1 if one could not be removed. */
int nft_sweep(void);

#endif
