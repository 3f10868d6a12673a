/* SPDX-License-Identifier: BSD-2-Clause */
/* What the fuzz targets for the rule languages share: options of the back ends, and their texts. */
#ifndef FIREWALL_TEXTS_H
#define FIREWALL_TEXTS_H

#include "fuzz.h"
#include "language/parser.h"
#include "plan/plan.h"

/* Chooses options by the next two bytes. */
struct filter_options choose_options(struct input *in);

/* Calls add() with each line of what is left, until it says that there are enough. */
void each_line(struct input *in, bool (*add)(const char *line));

/*
 * Checks a parser's result for LINE. False unless it is a rule within the limits. An error must lie
 * in the line, and have a message.
 */
bool was_read(const char *line, enum rule_result result, const struct rule *rule,
              const struct rule_error *error);

/*
 * Checks that the text for the rules contains nothing that divert-run does not write. FAMILY 0: for
 * nft.
 */
void expect_clean_text(const struct ruleset *rules, const struct filter_options *options,
                       int family);
/* The same for nft and for iptables of both families. */
void expect_clean_texts(const struct ruleset *rules, const struct filter_options *options);

#endif
