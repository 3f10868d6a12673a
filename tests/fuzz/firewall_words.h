/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the text for a packet filter contains what divert-run writes, and nothing else. */
#ifndef FIREWALL_WORDS_H
#define FIREWALL_WORDS_H

#include "plan/plan.h"

/*
 * The first word of TEXT that is foreign to the back end: neither a keyword, nor a number or
 * address, nor a chain's name, nor an interface of RULES in its place. NULL if there is none. The
 * word lies in a buffer of the function's. FAMILY is 4 or 6, or 0 for nft.
 */
const char *firewall_stray_word(const char *text, const struct ruleset *rules,
                                const struct filter_options *options, int family);

#endif
