/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells signals to the whole process group, from the terminal for example, from those sent to
 * divert-run alone.
 */
#ifndef DIVERT_RUN_GROUP_H
#define DIVERT_RUN_GROUP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Starts the witness: a child in the process group that blocks all signals, as this process must,
 * and tells which are pending. waitpid(2) does not see it. COMMAND is the end of main's argv.
 */
void group_watch(char *const command[]);
/* Ends the witness. */
void group_watch_end(void);
/* The witness's process id; 0 if there is none. */
pid_t group_witness(void);
/*
 * The signals pending for the witness, as a mask as in /proc/PID/status. To be called before this
 * process takes a signal.
 */
uint64_t group_pending(void);
/*
 * Did the whole group get the signal that this process has just taken? BEFORE is the result of
 * group_pending(). Waits a moment before it says no, and takes the same signal once more if it
 * comes meanwhile.
 */
bool group_got(const siginfo_t *info, uint64_t before);
/* Is PID in the process group? */
bool group_includes(pid_t pid);

#endif
