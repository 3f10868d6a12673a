/* SPDX-License-Identifier: BSD-2-Clause */
/* The text that rules become, for tests that examine it. */
#ifndef FIREWALL_TEXT_H
#define FIREWALL_TEXT_H

#include "common/mark.h"
#include "iptables/iptables.h"
#include "nft/nft.h"
#include "plan/counters.h"

/* Fresh for each test. */
extern struct filter_options options;
extern struct ruleset rules;
extern struct text text; /* what generate() made last */

void firewall_setup(void);
void firewall_teardown(void);

/* Adds a rule of ipfw. */
void add(const char *line);
/* The text for iptables of the family, 4 or 6, or with 0 for nft. */
const char *generate(int family);
unsigned int occurrences(const char *s, const char *part);
/* Check that the text contains that part, or does not. */
void has(const char *part);
void lacks(const char *part);

#endif
