/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the library to standard error, one line a call. Keeps errno. */
#ifndef DIVERTSHIM_LOG_H
#define DIVERTSHIM_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/*
 * Sets the level from which on messages are written. The default is LOG_WARN: only what the user
 * must act on.
 */
void log_set_level(enum log_level level);

/*
 * Takes what descriptor 2 is now as the standard error: at the start of the program, and when the
 * program itself replaces it. A file that is opened later may get the number 2 by chance and must
 * get no messages: then, or if 2 is closed, log_has_standard_error() is false.
 */
void log_take_standard_error(void);
bool log_has_standard_error(void);

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

#endif
