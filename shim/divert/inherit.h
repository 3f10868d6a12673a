/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Divert sockets over exec. A descriptor that is not close-on-exec is inherited by the next
 * program, as on BSD. With it go the library's private descriptors, named in the environment
 * variable DIVERTSHIM_INHERIT, which the next program's library removes.
 */
#ifndef DIVERTSHIM_INHERIT_H
#define DIVERTSHIM_INHERIT_H

#include <stdbool.h>
#include <stddef.h>

/* The number of elements for own and of bytes for text of inherit_environment(). */
size_t inherit_room(char *const envp[]);
size_t inherit_text_room(void);

/*
 * The environment to call exec with: envp itself, or own if divert sockets are passed on; text has
 * room for the variable. Those are passed on that have a descriptor without close-on-exec; or all,
 * if there may be a descriptor that the table does not know. Their private descriptors are then not
 * close-on-exec until inherit_failed().
 */
char *const *inherit_environment(char *const envp[], bool all, char **own, char *text,
                                 size_t text_room);

/* A descriptor was copied in a child of vfork(), which must not change the parent's table. */
void inherit_note_copy(void);

/* exec failed, or was called by a child: all private descriptors are close-on-exec again. */
void inherit_failed(void);

/* Adopts the divert sockets of the program before. To be called once, when the library starts. */
void inherit_adopt(void);

#endif
