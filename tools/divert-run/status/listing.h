/* SPDX-License-Identifier: BSD-2-Clause */
/* Listings of the packet filters' tools: counters of rules, and elements of sets. */
#ifndef DIVERT_RUN_LISTING_H
#define DIVERT_RUN_LISTING_H

#include "common/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTING_NAME 32 /* bytes of a chain's name with its NUL; longer ones are not ours */

struct listing_row {
    bool counts;
    struct status_count count;
};

struct listing_chain {
    int family; /* as in struct counter */
    char name[LISTING_NAME];
    size_t first, count; /* rows */
};

/* A dynamic rule: an element of a set of nft/state.c. */
struct listing_state {
    size_t maker; /* which of the rules made it, from 1 */
    int family;   /* 4 or 6 */
    char source[46], destination[46];
    unsigned source_port, destination_port, proto;
    unsigned seconds; /* until it expires */
    struct status_count count;
};

struct listing {
    struct listing_row *rows;
    struct listing_chain *chains;
    struct listing_state *states;
    size_t row_count, chain_count, state_count;
};

/*
 * Add what is in TEXT, which may be any text, and is modified. Zeroed memory is an empty listing.
 */
void listing_add_nft(struct listing *listing, char *text);
void listing_add_iptables(struct listing *listing, int family, char *text);
void listing_free(struct listing *listing);

/* To be called once after the last text, and before listing_count(). */
void listing_sort(struct listing *listing);
/* Adds what that row has counted to SUM. False: there is no such row, or it does not count. */
bool listing_count(const struct listing *listing, int family, const char *chain, unsigned row,
                   struct status_count *sum);

#endif
