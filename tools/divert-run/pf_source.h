/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements of pf from the command line and from files, and their translation. */
#ifndef DIVERT_RUN_PF_SOURCE_H
#define DIVERT_RUN_PF_SOURCE_H

#include "pf/pf.h"

/*
 * Add a statement, or the statements of a file ("-": standard input), and report errors in them. 0,
 * or an exit status after an error message.
 */
int pf_from_argument(struct pf_ruleset *pf, const char *where, const char *text);
int pf_from_file(struct pf_ruleset *pf, const char *path);
/* Appends the rules to RULES, and gives the personality that they need. 0, or an exit status. */
int pf_finish(struct pf_ruleset *pf, struct ruleset *rules, const char **personality);

#endif
