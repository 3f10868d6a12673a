/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that make, copy and close descriptors. */
#include "hook.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>

/* fd has been closed or replaced by the kernel: what it stood for goes. */
static void forget(int fd)
{
    struct divert_socket *s = fdtable_remove(fd);

    if (s)
        divert_release(s);
}

/* new is a copy of a divert socket's descriptor; takes over the reference to s. */
static int enter_copy(int new, struct divert_socket *s)
{
    int err = new < 0 ? -errno : fdtable_insert(new, s);

    if (!err)
        return new;
    if (new >= 0)
        real.close(new);
    return finish_int(s, err);
}

HOOK int close(int fd)
{
    if (__builtin_expect(!fdtable_has(fd), 1))
        return real.close(fd);
    forget(fd);
    return real.close(fd);
}

HOOK int dup(int fd)
{
    struct divert_socket *s = fdtable_find(fd);

    if (!s)
        return real.dup(fd);
    return enter_copy(real.dup(fd), s);
}

HOOK int dup3(int old, int new, int flags)
{
    struct divert_socket *s = fdtable_find(old);

    if (s)
        return enter_copy(real.dup3(old, new, flags), s);
    new = real.dup3(old, new, flags);
    if (new >= 0)
        forget(new);
    return new;
}

HOOK int dup2(int old, int new)
{
    struct divert_socket *s = fdtable_find(old);

    if (s && old != new)
        return enter_copy(real.dup2(old, new), s);
    if (s)
        return finish_int(s, new);
    new = real.dup2(old, new);
    if (new >= 0 && old != new)
        forget(new);
    return new;
}

static int divert_fcntl(struct divert_socket *s, int fd, int command, void *arg)
{
    int result;

    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        return enter_copy(real.fcntl(fd, command, arg), s);
    result = real.fcntl(fd, command, arg);
    if (result >= 0 && command == F_SETFL)
        divert_set_nonblocking(s, (long)arg & O_NONBLOCK);
    return finish_int(s, result < 0 ? -errno : result);
}

HOOK int fcntl(int fd, int command, ...)
{
    struct divert_socket *s = fdtable_find(fd);
    va_list args;
    void *arg;

    va_start(args, command);
    arg = va_arg(args, void *);
    va_end(args);
    if (!s)
        return real.fcntl(fd, command, arg);
    return divert_fcntl(s, fd, command, arg);
}

HOOK int fcntl64(int fd, int command, ...)
{
    struct divert_socket *s = fdtable_find(fd);
    va_list args;
    void *arg;

    va_start(args, command);
    arg = va_arg(args, void *);
    va_end(args);
    if (!s)
        return real.fcntl64(fd, command, arg);
    return divert_fcntl(s, fd, command, arg);
}
