/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptor sets of select(2). */
#ifndef DIVERTSHIM_FD_SETS_H
#define DIVERTSHIM_FD_SETS_H

#include <stdbool.h>
#include <sys/select.h>

/*
 * A set reaches as far as nfds says, which may be past the end of an fd_set: programs with many
 * descriptors allocate longer ones, and the kernel accepts them.
 */
static inline fd_mask *fd_set_word(fd_set *set, int fd)
{
    return (fd_mask *)(void *)set + fd / NFDBITS;
}

static inline bool in_set(int fd, fd_set *set)
{
    return set && (*fd_set_word(set, fd) >> (fd % NFDBITS) & 1);
}

static inline int put_in_set(int fd, fd_set *set, bool in)
{
    if (in)
        *fd_set_word(set, fd) |= (fd_mask)(1UL << (fd % NFDBITS));
    return in;
}

#endif
