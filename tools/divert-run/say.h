/* What divert-run says, all of it on standard error. */
#ifndef DIVERT_RUN_SAY_H
#define DIVERT_RUN_SAY_H

enum { STATUS_USAGE = 2, STATUS_FAILED = 125, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

/* -1: only errors (-q); 0: warnings, too; 1, 2: what is going on (-v, -vv). */
extern int verbosity;

/* "divert-run: ..." on a line of its own. */
void say_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
