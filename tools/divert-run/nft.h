#ifndef DIVERT_RUN_NFT_H
#define DIVERT_RUN_NFT_H

#include "backend.h"

struct dialect nft_dialect(const struct filter_options *options);

#endif
