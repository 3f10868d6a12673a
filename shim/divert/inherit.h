/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Divert sockets over exec. A descriptor that is not close-on-exec goes on to the next program, as
 * on BSD. What belongs to it here goes along: private descriptors, named in the environment
 * variable DIVERTSHIM_INHERIT, which the next program's library takes out again.
 */
#ifndef DIVERTSHIM_INHERIT_H
#define DIVERTSHIM_INHERIT_H

#include <stdbool.h>
#include <stddef.h>

/* How many elements the environment and how many bytes the variable of inherit_environment() take.
 */
size_t inherit_room(char *const envp[]);
size_t inherit_text_room(void);

/*
 * The environment to call exec with: envp itself, or own if divert sockets go along; text has room
 * for the variable. Those go along that have a descriptor which is not close-on-exec; or all, when
 * there may be one that our tables do not know. Private descriptors are no longer close-on-exec
 * then, until inherit_failed().
 */
char *const *inherit_environment(char *const envp[], bool all, char **own, char *text,
                                 size_t text_room);

/* A descriptor was copied in a child of vfork(), where our tables could not be told. */
void inherit_note_copy(void);

/* exec came back, or another process called it: all that is private is close-on-exec again. */
void inherit_failed(void);

/* Takes over what the program before had; once, when the library starts. */
void inherit_adopt(void);

#endif
