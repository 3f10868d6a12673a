/* The command: starting it, passing signals on, waiting for it and all its descendants. */
#ifndef DIVERT_RUN_RUN_H
#define DIVERT_RUN_RUN_H

/* Blocks all signals, so that none but SIGKILL ends this process while rules are in. */
void run_block_signals(void);
/*
 * Starts PATH with ARGV and the present environment, and stays until its last descendant has ended.
 * Returns its exit status, 128 + N if signal N ended it, or 125 to 127 after saying why it could
 * not be started.
 */
int run_command(const char *path, char *const argv[]);

#endif
