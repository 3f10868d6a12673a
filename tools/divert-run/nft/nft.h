/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules in nftables: their text, and installing them by nft(8) or libnftables. */
#ifndef DIVERT_RUN_NFT_H
#define DIVERT_RUN_NFT_H

#include "plan/plan.h"

/*
 * Appends the text of RULES, for both families, to OUT. Touches nothing. False, with *too_long set:
 * that rule has more lists than chains can be nested.
 */
bool nft_text(const struct ruleset *rules, const struct filter_options *options, struct text *out,
              const struct rule **too_long);

/* Can nft queue packets here? If not, WHY gets the reason. */
bool nft_probe(struct text *why);
/* Installs what nft_text() made, all of it or nothing. 0, or an exit status after an error message.
 */
int nft_install(const char *ruleset);
/* Removes the table of the run ID; it may be gone already. False: some of it stayed. */
bool nft_remove(const char *id);
/* Is there a table of a run ID? */
bool nft_id_taken(const char *id);
/* Removes the tables of dead runs. Returns their number, or -1 if one could not be removed. */
int nft_sweep(void);

#endif
