/* SPDX-License-Identifier: BSD-2-Clause */
/* Installs rules in the kernel's packet filter and removes them again, by nft or by iptables. */
#ifndef DIVERT_RUN_FILTER_H
#define DIVERT_RUN_FILTER_H

#include "iptables/iptables.h"
#include "plan/counters.h"

enum filter_kind { FILTER_AUTO, FILTER_NFT, FILTER_IPTABLES };

/* Changes whenever anybody changes rules, as far as the kernel tells that cheaply. */
struct filter_generation {
    uint32_t nft;
    struct iptables_size legacy[4];
};

struct filter {
    enum filter_kind kind;
    struct filter_options options;
    struct iptables_host iptables; /* of FILTER_IPTABLES */
    struct filter_generation seen; /* by filter_changed() */
    struct counters counters;      /* of the rules that are installed */
};

/* Prints the commands for RULES. Returns 0, or an exit status after an error message. */
int filter_check(struct filter *filter, const struct ruleset *rules);
/*
 * Chooses the back end, removes what dead runs left in any of them, and installs RULES: all or
 * none. Continues the numbers of other runs, which share the tag; tag_base in the options is what
 * was added. Returns 0, or an exit status after an error message.
 */
int filter_install(struct filter *filter, struct ruleset *rules);
/* Has anything in the kernel's packet filters changed since the last call? Runs no tool. */
bool filter_changed(struct filter *filter);
/* Are the rules still there, judging by the jumps to them? Runs tools. */
bool filter_in_place(const struct filter *filter);
/* Puts rules back that somebody has removed. 0, or an exit status after an error message. */
int filter_restore(struct filter *filter, const struct ruleset *rules);
/*
 * Removes exactly what filter_install() installed; it may be gone already. False: some of it
 * stayed.
 */
bool filter_remove(struct filter *filter);
/* The program that lists the installed rules: "nft", "iptables-legacy-save", ... */
const char *filter_lister(const struct filter *filter);
/* --cleanup: removes what dead runs left, everywhere. Returns an exit status. */
int filter_cleanup(void);

#endif
