/* SPDX-License-Identifier: BSD-2-Clause */
/* What the targets for the rule languages share: options of the back ends, and their texts. */
#ifndef FIREWALL_TEXTS_H
#define FIREWALL_TEXTS_H

#include "fuzz.h"
#include "language/parser.h"
#include "plan/plan.h"

/* Of the next two bytes. */
struct filter_options choose_options(struct input *in);

/* Calls add() with each line of what is left, until it says that there are enough. */
void each_line(struct input *in, bool (*add)(const char *line));

/* What a parser says of LINE: false unless it is a rule, and then it is within the limits. An error
 * lies in the line, and has a message. */
bool was_read(const char *line, enum rule_result result, const struct rule *rule,
              const struct rule_error *error);

/* What is made of the rules has nothing in it that divert-run does not write. FAMILY 0: for nft. */
void expect_clean_text(const struct ruleset *rules, const struct filter_options *options,
                       int family);
/* For nft, and for iptables of both families. */
void expect_clean_texts(const struct ruleset *rules, const struct filter_options *options);

#endif
