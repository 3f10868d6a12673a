/* SPDX-License-Identifier: BSD-2-Clause */
/* What the targets for the rule languages share: options of the back ends, and their texts. */
#ifndef FIREWALL_TEXTS_H
#define FIREWALL_TEXTS_H

#include "backend.h"
#include "fuzz.h"

/* Of the next two bytes. */
struct filter_options choose_options(struct input *in);

/* The error lies in the line, and has a message. */
void expect_place(const char *line, const struct rule_error *error);

/* What is made of the rules has nothing in it that divert-run does not write. FAMILY 0: for nft. */
void expect_clean_text(const struct ruleset *rules, const struct filter_options *options,
                       int family);
/* For nft, and for iptables of both families. */
void expect_clean_texts(const struct ruleset *rules, const struct filter_options *options);

#endif
