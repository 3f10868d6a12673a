/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a helper program, without a shell, with its input and output in memory. */
#ifndef DIVERT_RUN_TOOL_H
#define DIVERT_RUN_TOOL_H

#include "util/text.h"

#include <stdbool.h>

/*
 * Runs argv[0], searched in PATH and the sbin directories, with INPUT (may be NULL) as standard
 * input. Appends what it prints to OUT and ERR, either of which may be NULL. Returns its exit
 * status, 128 + N for signal N, or a negative errno if it could not be run (-ENOENT: there is no
 * such program).
 */
int tool_run(const char *const argv[], const char *input, struct text *out, struct text *err);

/* Can it be found, where tool_run() searches? */
bool tool_installed(const char *name);

/* Appends why the tool failed, from what tool_run() returned and what the tool wrote to ERR. */
void tool_failure(const char *name, int status, const struct text *err, struct text *why);

/* Appends the first line of S that is neither empty nor a comment to OUT, without its newline. */
void tool_first_line(const char *s, struct text *out);

#endif
