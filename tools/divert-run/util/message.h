/* What divert-run says, all of it on standard error. */
#ifndef DIVERT_RUN_MESSAGE_H
#define DIVERT_RUN_MESSAGE_H

#include <stddef.h>

enum { STATUS_USAGE = 2, STATUS_FAILED = 125, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

/* -1: only errors (-q); 0: warnings, too; 1, 2: what is going on (-v, -vv). */
extern int verbosity;

/* "divert-run: ..." on a line of its own. What is no plain character in it is spelled \xNN. */
void message_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void message_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void message_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The line of TEXT, which may be long, and a mark under the LENGTH bytes at OFFSET. */
void message_place(const char *text, size_t offset, size_t length);

#endif
