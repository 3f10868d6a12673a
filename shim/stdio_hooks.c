/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks of stdio: closing a stream on a divert socket closes the socket, and a stream may become
 * the standard error.
 */
#include "hook.h"

#include <stdio.h>

/* libc closes the descriptor without calling close(). */
static void forget_stream(FILE *stream)
{
    int saved = errno, fd = stream ? fileno(stream) : -1;

    if (fdtable_special(fd) && !is_private(fd) && process_owns_memory())
        fdtable_clear(fd);
    errno = saved;
}

static FILE *note_stream(FILE *stream)
{
    if (stream)
        note_standard_error(fileno(stream));
    return stream;
}

HOOK int fclose(FILE *stream)
{
    forget_stream(stream);
    return real.fclose(stream);
}

HOOK FILE *freopen(const char *path, const char *mode, FILE *stream)
{
    forget_stream(stream);
    return note_stream(real.freopen(path, mode, stream));
}

HOOK FILE *freopen64(const char *path, const char *mode, FILE *stream)
{
    forget_stream(stream);
    return note_stream(real.freopen64(path, mode, stream));
}
