/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that make, copy and close descriptors. */
#include "hook.h"

#include "hidden.h"
#include "own.h"
#include "watch.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <stdarg.h>
#include <stdbool.h>
#include <unistd.h>

/* fd is about to be closed or replaced by the kernel: what it stood for goes. */
static void forget(int fd)
{
    struct divert_socket *s;

    if (!own_tables())
        return;
    watch_forget(fd);
    s = fdtable_remove(fd);
    if (s)
        divert_release(s);
}

static bool is_special(int fd)
{
    return fdtable_has(fd) || watch_has(fd) || hidden_has(fd);
}

static int refuse_hidden(void)
{
    errno = EBADF;
    return -1;
}

/* new is a copy of a divert socket's descriptor; takes over the reference to s. */
static int enter_copy(int new, struct divert_socket *s)
{
    int err = new < 0 ? -errno : 0;

    if (!err && !own_tables()) {
        divert_release(s);
        return new;
    }
    if (!err)
        err = fdtable_insert(new, s);
    if (!err)
        return new;
    if (new >= 0)
        real.close(new);
    return finish_int(s, err);
}

HOOK int close(int fd)
{
    if (__builtin_expect(!is_special(fd), 1))
        return real.close(fd);
    if (hidden_has(fd))
        return refuse_hidden();
    forget(fd);
    return real.close(fd);
}

/* Closes what lies between our own descriptors, or sets its close-on-exec flag. */
static int close_between(unsigned first, unsigned last, int flags)
{
    unsigned end = last < HIDDEN_CEILING ? last : HIDDEN_CEILING - 1;

    for (unsigned fd = first; fd <= end; fd++) {
        if (!hidden_has((int)fd))
            continue;
        if (fd > first && real.close_range(first, fd - 1, flags) < 0)
            return -1;
        first = fd + 1;
    }
    return first <= last ? real.close_range(first, last, flags) : 0;
}

static void forget_between(unsigned first, unsigned last)
{
    for (unsigned fd = first; fd <= last && fd < FDTABLE_MAX; fd++) {
        if (fdtable_has((int)fd) || watch_has((int)fd))
            forget((int)fd);
    }
}

HOOK int close_range(unsigned first, unsigned last, int flags)
{
    if (!atomic_load_explicit(&hidden_count, memory_order_relaxed) || first > last)
        return real.close_range(first, last, flags);
    if (!(flags & CLOSE_RANGE_CLOEXEC))
        forget_between(first, last);
    return close_between(first, last, flags);
}

HOOK void closefrom(int first)
{
    if (!atomic_load_explicit(&hidden_count, memory_order_relaxed))
        real.closefrom(first);
    else
        close_range(first > 0 ? (unsigned)first : 0, ~0u, 0);
}

HOOK int dup(int fd)
{
    struct divert_socket *s = fdtable_find(fd);

    if (!s)
        return real.dup(fd);
    return enter_copy(real.dup(fd), s);
}

/* What new stood for is closed by the kernel, in the same moment. */
static int replace(int old, int new, int flags, bool with_flags)
{
    struct divert_socket *s = fdtable_find(old);

    if (hidden_has(old) || hidden_has(new)) {
        errno = hidden_has(old) ? EBADF : EBUSY;
        return s ? finish_int(s, -errno) : -1;
    }
    if (is_special(new) && real.fcntl(old, F_GETFD) >= 0)
        forget(new);
    new = with_flags ? real.dup3(old, new, flags) : real.dup2(old, new);
    return s ? enter_copy(new, s) : new;
}

HOOK int dup3(int old, int new, int flags)
{
    if (!is_special(old) && !is_special(new))
        return real.dup3(old, new, flags);
    if (old == new)
        return as_result(-EINVAL);
    return replace(old, new, flags, true);
}

HOOK int dup2(int old, int new)
{
    if ((!is_special(old) && !is_special(new)) || old == new)
        return hidden_has(old) ? refuse_hidden() : real.dup2(old, new);
    return replace(old, new, 0, false);
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
        return hidden_has(fd) ? refuse_hidden() : real.fcntl(fd, command, arg);
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
        return hidden_has(fd) ? refuse_hidden() : real.fcntl64(fd, command, arg);
    return divert_fcntl(s, fd, command, arg);
}
