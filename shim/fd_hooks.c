/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that make, copy and close descriptors. */
#include "hook.h"

#include "bsd/route_socket.h"
#include "divert/inherit.h"
#include "process/fork.h"
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

    if (!process_owns_memory())
        return;
    watch_forget(fd);
    route_forget(fd);
    s = fdtable_remove(fd);
    if (s)
        divert_release(s);
}

static bool is_special(int fd)
{
    return fdtable_has(fd) || watch_has(fd) || private_fd_has(fd) || route_has(fd);
}

/* new is a copy of a divert socket's descriptor; takes over the reference to s. */
static int enter_copy(int new, struct divert_socket *s)
{
    int err = new < 0 ? -errno : 0;

    if (!err && !process_owns_memory()) {
        exec_note_copy();
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

/* new is a copy of old, which may be an epoll instance that watches divert sockets, or a routing
 * socket. */
static int copy_others(int old, int new)
{
    if (new >= 0 && route_has(old) && process_owns_memory() && route_insert(new) < 0) {
        real.close(new);
        return as_result(-EMFILE);
    }
    if (new >= 0 && watch_has(old) && process_owns_memory())
        watch_copy(old, new);
    return new;
}

HOOK int close(int fd)
{
    if (__builtin_expect(!is_special(fd), 1))
        return real.close(fd);
    if (private_fd_has(fd))
        return refuse_private();
    forget(fd);
    return real.close(fd);
}

/* Closes what lies between our own descriptors, or sets its close-on-exec flag. */
static int close_between(unsigned first, unsigned last, int flags)
{
    unsigned end = last < PRIVATE_FD_CEILING ? last : PRIVATE_FD_CEILING - 1;

    for (unsigned fd = first; fd <= end; fd++) {
        if (!private_fd_has((int)fd))
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
        if (fdtable_has((int)fd) || watch_has((int)fd) || route_has((int)fd))
            forget((int)fd);
    }
}

/* Whether there is any that is_special(). Each divert socket has hidden ones. */
static bool any_special(void)
{
    return atomic_load_explicit(&private_fd_count, memory_order_relaxed) ||
           atomic_load_explicit(&route_count, memory_order_relaxed);
}

HOOK int close_range(unsigned first, unsigned last, int flags)
{
    if (!any_special() || first > last)
        return real.close_range(first, last, flags);
    if (!(flags & CLOSE_RANGE_CLOEXEC))
        forget_between(first, last);
    return close_between(first, last, flags);
}

HOOK void closefrom(int first)
{
    if (!any_special())
        real.closefrom(first);
    else
        close_range(first > 0 ? (unsigned)first : 0, ~0u, 0);
}

HOOK int dup(int fd)
{
    struct divert_socket *s = fdtable_find(fd);

    if (s)
        return enter_copy(real.dup(fd), s);
    if (private_fd_has(fd))
        return refuse_private();
    return copy_others(fd, real.dup(fd));
}

/* What new stood for is closed by the kernel, in the same moment. */
static int replace(int old, int new, int flags, bool with_flags)
{
    struct divert_socket *s = fdtable_find(old);

    if (private_fd_has(old) || private_fd_has(new)) {
        errno = private_fd_has(old) ? EBADF : EBUSY;
        return s ? finish_int(s, -errno) : -1;
    }
    if (is_special(new) && real.fcntl(old, F_GETFD) >= 0)
        forget(new);
    new = with_flags ? real.dup3(old, new, flags) : real.dup2(old, new);
    return s ? enter_copy(new, s) : copy_others(old, new);
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
        return private_fd_has(old) ? refuse_private() : real.dup2(old, new);
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

/* The eventfd knows nothing of O_ASYNC. */
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
        return finish_int(s, get_flags(s, fd));
    case F_SETFL:
        return finish_int(s, set_flags(s, fd, arg));
    case F_SETOWN:
    case F_GETOWN:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
    case F_SETSIG:
    case F_GETSIG:
        return finish_int(s, pass_fcntl(divert_kernel_fd(s), command, arg));
    default:
        return finish_int(s, pass_fcntl(fd, command, arg));
    }
}

/* On a descriptor that is not a divert socket's, but one of our own or a watching instance. */
static int special_fcntl(int fd, int command, void *arg)
{
    if (private_fd_has(fd))
        return refuse_private();
    if (makes_copy(command))
        return copy_others(fd, real.fcntl(fd, command, arg));
    return real.fcntl(fd, command, arg);
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
        return is_special(fd) ? special_fcntl(fd, command, arg) : real.fcntl(fd, command, arg);
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
        return is_special(fd) ? special_fcntl(fd, command, arg) : real.fcntl64(fd, command, arg);
    return divert_fcntl(s, fd, command, arg);
}
