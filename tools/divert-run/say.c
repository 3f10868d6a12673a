#include "say.h"

#include <stdarg.h>
#include <stdio.h>

int verbosity;

static void say(const char *fmt, va_list ap)
{
    fputs("divert-run: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void say_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

void say_warning(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (verbosity >= 0)
        say(fmt, ap);
    va_end(ap);
}

void say_note(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (verbosity > 0)
        say(fmt, ap);
    va_end(ap);
}
