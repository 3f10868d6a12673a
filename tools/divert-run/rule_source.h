/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules from the command line and from files. */
#ifndef DIVERT_RUN_RULE_SOURCE_H
#define DIVERT_RUN_RULE_SOURCE_H

#include "ipfw/command.h"
#include "pf/pf.h"

enum rule_language { LANGUAGE_IPFW, LANGUAGE_PF };
struct rule_source {
    struct ipfw_model *model;
    struct pf_ruleset *pf;
    unsigned given; /* rules from the command line so far */
};
/*
 * Add the rules of one argument or of a file ("-": standard input) to the source's set of that
 * language. 0, or an exit status after an error message.
 */
int rules_from_argument(struct rule_source *source, enum rule_language language, const char *text);
int rules_from_file(struct rule_source *source, enum rule_language language, const char *path);
/* Warns about interfaces that rules name and that do not exist. */
void rules_warn_interfaces(const struct ruleset *rules);

#endif
