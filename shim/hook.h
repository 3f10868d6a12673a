/* SPDX-License-Identifier: BSD-2-Clause */
/* What all hooks share. A hook asks whether the descriptor is ours, and hands the call on. */
#ifndef DIVERTSHIM_HOOK_H
#define DIVERTSHIM_HOOK_H

#include "divert/divert.h"
#include "fdtable.h"
#include "flusher.h"
#include "process/private_fd.h"
#include "real.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>

#define HOOK __attribute__((visibility("default")))

/* Gives up the reference that fdtable_find() took, if it did, and turns -errno into -1 and errno.
 */
static inline ssize_t finish(struct divert_socket *s, ssize_t result)
{
    if (s)
        divert_release(s);
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* -errno as -1 and errno, for hooks that hold no reference. */
static inline int as_result(int result)
{
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

/* fdtable_find() before a call that may wait in the kernel, if the descriptor is not ours. */
static inline struct divert_socket *find_before_wait(int fd)
{
    struct divert_socket *s = fdtable_find(fd);

    if (!s)
        flusher_before_wait();
    return s;
}

/* The same for a write of len bytes: of up to PIPE_BUF nobody expects that they are cut short. */
static inline struct divert_socket *find_before_write(int fd, size_t len)
{
    struct divert_socket *s = fdtable_find(fd);

    if (!s && len > PIPE_BUF)
        flusher_before_wait();
    return s;
}

/* For a descriptor of our own: to the program it is not open. */
static inline int refuse_private(void)
{
    return as_result(-EBADF);
}

static inline int finish_int(struct divert_socket *s, ssize_t result)
{
    return (int)finish(s, result);
}

#endif
