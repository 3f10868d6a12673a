/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a shell script that makes rules with the command ipfw, as FreeBSD's rule sets do.
 *
 * The script gets a directory at the head of its PATH, in which ipfw, sysctl, kldload, kldunload,
 * kldstat and kenv are links to divert-run; in a mount namespace of its own they are in /sbin, too.
 * Called by such a name, divert-run sends its words to the divert-run that runs the script, which
 * carries out the command on its model of the rules and answers what to print.
 */
#ifndef DIVERT_RUN_SCRIPT_H
#define DIVERT_RUN_SCRIPT_H

#include "ipfw/model.h"

/*
 * Runs the script with these arguments, up to NULL, and waits for its end. Its output goes to
 * standard error. 0, or an exit status after an error message: then the model must not be used. If
 * there is no default rule yet, one is added that denies, as FreeBSD's kernel does.
 */
int script_run(const char *path, char *const args[], struct ipfw_model *model);

/* Is this process a command of a script, by the name with which it was called? */
bool script_helper(const char *name);
/* The main function of such a command. Returns the exit status. */
int script_helper_main(int argc, char *argv[]);

#endif
