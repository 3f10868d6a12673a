/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a shell script that makes rules by the command ipfw, as FreeBSD's rule sets are.
 *
 * The script gets a directory at the head of its PATH, in which ipfw, sysctl, kldload, kldunload,
 * kldstat and kenv are links to divert-run; in a mount namespace of its own they are in /sbin, too.
 * So called, divert-run hands its words to the one that runs the script, which carries the command
 * out on its model of the rules and tells what to print.
 */
#ifndef DIVERT_RUN_SCRIPT_H
#define DIVERT_RUN_SCRIPT_H

#include "ipfw/model.h"

/*
 * Runs the script with these arguments, up to NULL, and waits for its end. Its output goes to the
 * standard error. 0, or an exit status after an error message: then the model is of no use.
 * What no rule decides is denied from now on, if there is no default rule yet.
 */
int script_run(const char *path, char *const args[], struct ipfw_model *model);

/* Is this process such a command of a script, by the name with which it was called? */
bool script_helper(const char *name);
/* Its whole work. Returns the exit status. */
int script_helper_main(int argc, char *argv[]);

#endif
