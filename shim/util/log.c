/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to standard error. */
#include "util/log.h"

#include "real.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level threshold = LOG_WARN;
void log_set_level(enum log_level level)
{
    threshold = level;
}

/* Device and inode of the standard error; inode 0 if there is none. */
static _Atomic uint64_t error_device, error_inode;
static _Atomic bool taken;

void log_take_standard_error(void)
{
    struct stat st;
    int saved = errno;

    if (real.fstat(STDERR_FILENO, &st) < 0)
        st = (struct stat){0};
    atomic_store(&error_device, st.st_dev);
    atomic_store(&error_inode, st.st_ino);
    atomic_store(&taken, true);
    errno = saved;
}

bool log_has_standard_error(void)
{
    struct stat st;

    if (!atomic_load(&taken)) /* in a constructor that runs before the library's */
        log_take_standard_error();
    return real.fstat(STDERR_FILENO, &st) == 0 && st.st_ino && st.st_ino == error_inode &&
           st.st_dev == error_device;
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char prefix[] = "divertshim: ";
    char line[512];
    int saved = errno, n = sizeof(prefix) - 1, room = (int)sizeof(line) - n - 1, added;
    va_list args;

    if (level > threshold || !log_has_standard_error()) {
        errno = saved;
        return;
    }
    __builtin_memcpy(line, prefix, sizeof(prefix));
    va_start(args, format);
    added = vsnprintf(line + n, (size_t)room, format, args);
    va_end(args);
    if (added > 0)
        n += added < room ? added : room - 1;
    for (int i = 0; i < n; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) /* from the environment */
            line[i] = '?';
    }
    line[n++] = '\n';
    if (real.write(STDERR_FILENO, line, (size_t)n) < 0) {
        /* there is nowhere to report it */
    }
    errno = saved;
}
