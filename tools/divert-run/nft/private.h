/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of nft/ share. */
#ifndef DIVERT_RUN_NFT_PRIVATE_H
#define DIVERT_RUN_NFT_PRIVATE_H

#include "nft/nft.h"

/* Priorities of base chains: iptables' tables are at the same. The first run's lists stand there.
 */
#define NFT_PRIORITY_RAW    (-300)
#define NFT_PRIORITY_MANGLE (-150)

/* text.c: appends the chain at the end of OUTPUT that gives injected packets their socket's mark.
 */
void nft_text_injected(uint32_t mark_mask, struct text *out);

struct dialect nft_dialect(const struct filter_options *options);

/*
 * Installs RULESET, which is one table, so that it lasts until nft_owned_remove() or the end of
 * this process. False: this cannot be done here (Linux before 5.12, no library), or the rules are
 * wrong; nothing has changed then.
 */
bool nft_owned_install(const char *ruleset);
void nft_owned_remove(void);

#endif
