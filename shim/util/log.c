/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to standard error. */
#include "util/log.h"

#include "real.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level threshold = LOG_WARN;
void log_set_level(enum log_level level)
{
    threshold = level;
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char prefix[] = "divertshim: ";
    char line[512];
    int saved = errno, n = sizeof(prefix) - 1, room = (int)sizeof(line) - n - 1, added;
    va_list args;

    if (level > threshold)
        return;
    __builtin_memcpy(line, prefix, sizeof(prefix));
    va_start(args, format);
    added = vsnprintf(line + n, (size_t)room, format, args);
    va_end(args);
    if (added > 0)
        n += added < room ? added : room - 1;
    for (int i = 0; i < n; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) /* a value from the environment */
            line[i] = '?';
    }
    line[n++] = '\n';
    if (real.write(STDERR_FILENO, line, (size_t)n) < 0) {
        /* nobody to tell */
    }
    errno = saved;
}
