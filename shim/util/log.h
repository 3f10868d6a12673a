/* SPDX-License-Identifier: BSD-2-Clause */
/* What the library has to say, to standard error. One line a call; keeps errno. */
#ifndef DIVERTSHIM_LOG_H
#define DIVERTSHIM_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* The default is LOG_WARN: only what the user must act on. */
void log_set_level(enum log_level level);

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

#endif
