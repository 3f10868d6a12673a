/* SPDX-License-Identifier: BSD-2-Clause */
/* Hooks of calls that copy and close descriptors. */
#include "hook.h"

#include "divert/inherit.h"
#include "process/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <stdarg.h>
#include <stdbool.h>
#include <unistd.h>

/* fd is about to be closed or replaced: forgets what it stood for. */
static void forget_fd(int fd)
{
    if (fdtable_special(fd) && process_owns_memory())
        fdtable_clear(fd);
}

/* new is a copy of a divert socket's descriptor; takes over the reference to s. */
static int enter_copy(int new, struct divert_socket *s)
{
    int err = new < 0 ? -errno : 0;

    if (!err && !process_owns_memory()) {
        inherit_note_copy();
        divert_release(s);
        return new;
    }
    if (!err)
        err = fdtable_set_divert(new, (struct fd_object *)s);
    if (!err)
        return new;
    if (new >= 0)
        real.close(new);
    return (int)finish(s, err);
}

/* new is a copy of old, which may be a routing socket. */
static int enter_other_copy(int old, int new)
{
    if (new >= 0 && is_route(old) && process_owns_memory() && fdtable_set(new, FD_ROUTE) < 0) {
        real.close(new);
        return (int)as_result(-EMFILE);
    }
    return new;
}

HOOK int close(int fd)
{
    if (is_private(fd))
        return (int)as_result(-EBADF);
    forget_fd(fd);
    return real.close(fd);
}

/* Closes the descriptors between private ones, or sets their close-on-exec flags. */
static int close_between(unsigned first, unsigned last, int flags)
{
    for (int fd = fdtable_next((int)first); fd >= 0 && (unsigned)fd <= last;
         fd = fdtable_next(fd + 1)) {
        if (!is_private(fd))
            continue;
        if ((unsigned)fd > first && real.close_range(first, (unsigned)fd - 1, flags) < 0)
            return -1;
        first = (unsigned)fd + 1;
    }
    return first <= last ? real.close_range(first, last, flags) : 0;
}

static void forget_between(unsigned first, unsigned last)
{
    for (int fd = fdtable_next((int)first); fd >= 0 && (unsigned)fd <= last;
         fd = fdtable_next(fd + 1)) {
        if (!is_private(fd))
            forget_fd(fd);
    }
}

HOOK int close_range(unsigned first, unsigned last, int flags)
{
    if (first > last || first > INT_MAX || fdtable_next((int)first) < 0)
        return real.close_range(first, last, flags);
    if (!(flags & CLOSE_RANGE_CLOEXEC))
        forget_between(first, last);
    return close_between(first, last, flags);
}

HOOK void closefrom(int first)
{
    if (fdtable_next(first > 0 ? first : 0) < 0)
        real.closefrom(first);
    else
        close_range(first > 0 ? (unsigned)first : 0, ~0u, 0);
}

HOOK int dup(int fd)
{
    struct divert_socket *s = divert_find(fd);

    if (s)
        return enter_copy(real.dup(fd), s);
    if (is_private(fd))
        return (int)as_result(-EBADF);
    return enter_other_copy(fd, real.dup(fd));
}

/* The kernel closes what new stood for, atomically. */
static int replace(int old, int new, int flags, bool with_flags)
{
    struct divert_socket *s = divert_find(old);

    if (is_private(old) || is_private(new))
        return (int)finish(s, is_private(old) ? -EBADF : -EBUSY);
    if (real.fcntl(old, F_GETFD) >= 0)
        forget_fd(new);
    new = with_flags ? real.dup3(old, new, flags) : real.dup2(old, new);
    return s ? enter_copy(new, s) : note_standard_error(enter_other_copy(old, new));
}

HOOK int dup3(int old, int new, int flags)
{
    if (!fdtable_special(old) && !fdtable_special(new))
        return note_standard_error(real.dup3(old, new, flags));
    if (old == new)
        return (int)as_result(-EINVAL);
    return replace(old, new, flags, true);
}

HOOK int dup2(int old, int new)
{
    if (is_private(old))
        return (int)as_result(-EBADF);
    if ((!fdtable_special(old) && !fdtable_special(new)) || old == new)
        return note_standard_error(real.dup2(old, new));
    return replace(old, new, 0, false);
}

static bool makes_copy(int command)
{
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

static int pass_fcntl(int fd, int command, void *arg)
{
    int result = real.fcntl(fd, command, arg);

    return result < 0 ? -errno : result;
}

static int set_flags(struct divert_socket *s, int fd, void *arg)
{
    int result = pass_fcntl(fd, F_SETFL, arg);

    if (result < 0)
        return result;
    divert_set_nonblocking(s, (long)arg & O_NONBLOCK);
    return divert_set_async(s, (long)arg & O_ASYNC);
}

/* The program's descriptor, an epoll instance, does not know O_ASYNC. */
static int get_flags(struct divert_socket *s, int fd)
{
    int flags = pass_fcntl(fd, F_GETFL, NULL), async = divert_async(s);

    return flags < 0 || async < 0 ? flags : flags | (async ? O_ASYNC : 0);
}

static int divert_fcntl(struct divert_socket *s, int fd, int command, void *arg)
{
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return enter_copy(real.fcntl(fd, command, arg), s);
    case F_GETFL:
        return (int)finish(s, get_flags(s, fd));
    case F_SETFL:
        return (int)finish(s, set_flags(s, fd, arg));
    case F_SETOWN:
    case F_GETOWN:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
    case F_SETSIG:
    case F_GETSIG:
        return (int)finish(s, pass_fcntl(divert_kernel_fd(s), command, arg));
    default:
        return (int)finish(s, pass_fcntl(fd, command, arg));
    }
}

typedef int fcntl_function(int fd, int command, ...);

static int other_fcntl(fcntl_function *call, int fd, int command, void *arg)
{
    if (is_private(fd))
        return (int)as_result(-EBADF);
    if (makes_copy(command))
        return enter_other_copy(fd, call(fd, command, arg));
    return call(fd, command, arg);
}

/* call is fcntl or fcntl64, which differ in their lock structures where off_t has 32 bits. */
static int any_fcntl(fcntl_function *call, int fd, int command, va_list args)
{
    struct divert_socket *s = divert_find(fd);
    void *arg = va_arg(args, void *);

    return s ? divert_fcntl(s, fd, command, arg) : other_fcntl(call, fd, command, arg);
}

HOOK int fcntl(int fd, int command, ...)
{
    va_list args;
    int result;

    va_start(args, command);
    result = any_fcntl(real.fcntl, fd, command, args);
    va_end(args);
    return result;
}

HOOK int fcntl64(int fd, int command, ...);

int fcntl64(int fd, int command, ...)
{
    va_list args;
    int result;

    va_start(args, command);
    result = any_fcntl(real.fcntl64, fd, command, args);
    va_end(args);
    return result;
}

/* libc's other names for the same functions. */
HOOK int __close(int fd) __attribute__((alias("close")));
HOOK int __dup2(int old, int new) __attribute__((nothrow, leaf, alias("dup2")));
HOOK int __fcntl(int fd, int command, ...) __attribute__((alias("fcntl")));
