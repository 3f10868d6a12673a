/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of divert-run on standard error, and its own exit statuses. */
#ifndef DIVERT_RUN_MESSAGE_H
#define DIVERT_RUN_MESSAGE_H

#include <stddef.h>

enum { STATUS_USAGE = 2, STATUS_FAILED = 125, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

/* -1: errors only (-q); 0: errors and warnings; 1, 2: notes, too (-v, -vv). */
extern int verbosity;

/* Each prints one line, "divert-run: ...". Bytes that are not printable appear as \xNN. */
void message_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void message_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void message_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints what the user asked for, whatever the verbosity. */
void message_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints the line of TEXT, shortened if it is long, and a mark under the LENGTH bytes at OFFSET. */
void message_place(const char *text, size_t offset, size_t length);

#endif
