/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet tags: `tag 5` in one rule, `tagged 5` in another. Each tag that a rule sets has a bit of
 * the packet mark to itself. (The tag of a divert socket is something else, see common/mark.h.)
 */
#ifndef DIVERT_RUN_PACKET_TAGS_H
#define DIVERT_RUN_PACKET_TAGS_H

#include "rule/rule.h"

/*
 * Assigns bits of MASK to the tags that the rules set, and enters them in the rules. Returns the
 * first rule for whose tag there is no bit, or NULL.
 */
const struct rule *packet_tags_assign(const struct ruleset *rules, uint32_t mask);
/* How many bits the rules need. */
unsigned packet_tags_count(const struct ruleset *rules);

#endif
