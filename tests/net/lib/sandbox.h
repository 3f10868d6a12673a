/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls that are refused, as containers do it and programs that lock themselves in. */
#ifndef SANDBOX_H
#define SANDBOX_H

/* From now on the system call of that number (SYS_*) fails with this errno in the whole process. */
void forbid_call(int call, int error);

/* The same only if its first argument is that. */
void forbid_command(int call, int command, int error);

#endif
