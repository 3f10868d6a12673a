/* SPDX-License-Identifier: BSD-2-Clause */
/* Refuses system calls, as containers and programs with a sandbox do. */
#ifndef SANDBOX_H
#define SANDBOX_H

/* From now on the system call of that number (SYS_*) fails with this errno in the whole process. */
void forbid_call(int call, int error);

/* The same, but only if its first argument is COMMAND. */
void forbid_command(int call, int command, int error);

#endif
