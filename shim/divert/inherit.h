/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Divert sockets over exec. A descriptor that is not close-on-exec goes on to the next program, as
 * on BSD. What belongs to it here goes along: descriptors of ours, named in the environment
 * variable DIVERTSHIM_INHERIT, which the next program's library takes out again.
 */
#ifndef DIVERTSHIM_EXEC_H
#define DIVERTSHIM_EXEC_H

#include <stdbool.h>
#include <stddef.h>

#define EXEC_TEXT_MAX 4096 /* bytes of the variable */

/* How many elements an environment for exec_environment() has room for. */
size_t exec_room(char *const envp[]);

/*
 * The environment to call exec with: envp itself, or own (with exec_room() elements) if divert
 * sockets go along; text has room for the variable. Those go along that have a descriptor which is
 * not close-on-exec; or all, when there may be one that our tables do not know. Descriptors of ours
 * are no longer close-on-exec then, until exec_failed().
 */
char *const *exec_environment(char *const envp[], bool all, char **own, char text[EXEC_TEXT_MAX]);

/* exec came back, or another process called it: all of ours is close-on-exec again. */
void exec_failed(void);

/* A descriptor was copied in a child of vfork(), where our tables could not be told. */
void exec_note_copy(void);

/* Takes over what the program before had; once, when the library starts. */
void exec_adopt(void);

#endif
