/* SPDX-License-Identifier: BSD-2-Clause */
/* What the library has to say, to standard error. One line a call; keeps errno. */
#ifndef DIVERTSHIM_LOG_H
#define DIVERTSHIM_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* The default is LOG_WARN: only what the user must act on. */
void log_set_level(enum log_level level);

/*
 * Descriptor 2 is the standard error as it is now: at the start of the program, and when the
 * program itself puts something there. What it opens later may get the same number by chance, and
 * is no place for messages; then, and if 2 is closed now, there is no standard error.
 */
void log_take_standard_error(void);
bool log_has_standard_error(void);

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

#endif
