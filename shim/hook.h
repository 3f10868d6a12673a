/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all hooks share. A hook asks what the descriptor is, and calls the real function or the
 * layer below.
 */
#ifndef DIVERTSHIM_HOOK_H
#define DIVERTSHIM_HOOK_H

#include "divert/divert.h"
#include "fdtable.h"
#include "process/process.h"
#include "real.h"
#include "util/log.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

/* Turns -errno into -1 and errno. */
static inline ssize_t as_result(ssize_t result)
{
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* The same; also gives up the reference of divert_find(), if s is not NULL. */
static inline ssize_t finish(struct divert_socket *s, ssize_t result)
{
    if (s)
        divert_release(s);
    return as_result(result);
}

/* Reads, writes and waits are cancellation points; a cancelled thread gives up its reference. */
static inline void hook_cancellation_point(struct divert_socket *s)
{
    pthread_cleanup_push(divert_give_up, s);
    pthread_testcancel();
    pthread_cleanup_pop(0);
}

/*
 * divert_find() before a call that may wait in the kernel; sends pending verdicts if fd is foreign.
 */
static inline struct divert_socket *find_before_wait(int fd)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        divert_before_foreign_wait();
    return s;
}

/*
 * The same for a write of len bytes. Those of up to PIPE_BUF are atomic: an expiring verdict timer
 * cannot cut them short.
 */
static inline struct divert_socket *find_before_write(int fd, size_t len)
{
    struct divert_socket *s = divert_find(fd);

    if (!s && len > PIPE_BUF)
        divert_before_foreign_wait();
    return s;
}

/*
 * Takes note if fd, which the program has just replaced, is the standard error. A child of vfork()
 * must not.
 */
static inline int note_standard_error(int fd)
{
    if (fd == STDERR_FILENO && process_owns_memory())
        log_take_standard_error();
    return fd;
}

/* Private descriptors are closed to the program. */
static inline bool is_private(int fd)
{
    return fdtable_kind(fd) == FD_PRIVATE;
}

static inline bool is_route(int fd)
{
    return fdtable_kind(fd) == FD_ROUTE;
}

#endif
