/* SPDX-License-Identifier: BSD-2-Clause */
/* What all hooks share. A hook asks what the descriptor is, and hands the call on. */
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

/* -errno as -1 and errno. */
static inline ssize_t as_result(ssize_t result)
{
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* The same, and gives up the reference that divert_find() took, if it did. */
static inline ssize_t finish(struct divert_socket *s, ssize_t result)
{
    if (s)
        divert_release(s);
    return as_result(result);
}

/* For pthread_cleanup_push(). */
static inline void hook_give_up(void *s)
{
    divert_release(s);
}

/* Reads, writes and waits are points where a thread is cancelled; it gives up its reference. */
static inline void hook_cancellation_point(struct divert_socket *s)
{
    pthread_cleanup_push(hook_give_up, s);
    pthread_testcancel();
    pthread_cleanup_pop(0);
}

/* divert_find() before a call that may wait in the kernel; sends verdicts if fd is not ours. */
static inline struct divert_socket *find_before_wait(int fd)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        divert_before_foreign_wait();
    return s;
}

/* The same for a write of len bytes: of up to PIPE_BUF nobody expects that they are cut short. */
static inline struct divert_socket *find_before_write(int fd, size_t len)
{
    struct divert_socket *s = divert_find(fd);

    if (!s && len > PIPE_BUF)
        divert_before_foreign_wait();
    return s;
}

/* fd has just become a copy of what the program chose. A child of vfork() chooses for itself. */
static inline int note_standard_error(int fd)
{
    if (fd == STDERR_FILENO && process_owns_memory())
        log_take_standard_error();
    return fd;
}

/* To the program a private descriptor is not open. */
static inline bool is_private(int fd)
{
    return fdtable_kind(fd) == FD_PRIVATE;
}

static inline bool is_route(int fd)
{
    return fdtable_kind(fd) == FD_ROUTE;
}

#endif
