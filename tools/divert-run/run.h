/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts the command, passes signals on, and waits for it and all its descendants. */
#ifndef DIVERT_RUN_RUN_H
#define DIVERT_RUN_RUN_H

/*
 * Lets this process wait for its tools and its command even if its caller ignores SIGCHLD. The
 * command starts with the caller's setting.
 */
void run_wait_for_children(void);
/* Blocks all signals, so that only SIGKILL can end this process while rules are installed. */
void run_block_signals(void);
/*
 * Starts PATH with ARGV and the present environment. Returns 0, or 125 to 127 after an error
 * message if it could not be started.
 */
int run_start(const char *path, char *const argv[]);
/*
 * Waits until the last descendant of what was started has ended. Returns its exit status, or 128 +
 * N if signal N ended it.
 */
int run_wait(void);

#endif
