/* The library, and whether a program will load it. */
#ifndef DIVERT_RUN_PRELOAD_H
#define DIVERT_RUN_PRELOAD_H

#include <limits.h>

/* Absolute path of libdivertshim.so. 0, or an exit status after saying where it was sought. */
int preload_find_library(char out[PATH_MAX]);
/* Searches NAME as execvp(3) does. 0, or an exit status after saying why not. */
int preload_find_command(const char *name, char out[PATH_MAX]);
/* Will the loader preload LIBRARY into the program at PATH? 0, or an exit status after saying why
 * not. */
int preload_check_command(const char *path, const char *library);

#endif
