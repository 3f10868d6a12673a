#ifndef DIVERT_RUN_NFT_H
#define DIVERT_RUN_NFT_H

#include "backend.h"

struct dialect nft_dialect(const struct filter_options *options);

/*
 * Installs RULESET, which is one table, so that it lasts until nft_owned_remove() or the end of
 * this process. False: that is not to be had here (Linux before 5.12, no library), or the rules are
 * wrong; nothing has changed then.
 */
bool nft_owned_install(const char *ruleset);
void nft_owned_remove(void);

#endif
