/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the library and the command are, and whether the command will load the library. */
#ifndef DIVERT_RUN_PRELOAD_H
#define DIVERT_RUN_PRELOAD_H

/* Finds the absolute path of libdivertshim.so; the caller frees it. 0, or an exit status after an
 * error message that names where it was sought. */
int preload_find_library(char **out);
/* Searches NAME as execvp(3) does; the caller frees the path. 0, or an exit status after an error
 * message. */
int preload_find_command(const char *name, char **out);
/* Will the loader preload LIBRARY into the program at PATH? 0, or an exit status after an error
 * message. */
int preload_check_command(const char *path, const char *library);

#endif
