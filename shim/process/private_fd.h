/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors of our own, kept out of the program's way: high numbers, close-on-exec, and to the
 * program as good as closed.
 */
#ifndef DIVERTSHIM_HIDDEN_H
#define DIVERTSHIM_HIDDEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PRIVATE_FD_CEILING 8192 /* the kernel's table grows with the highest number in use */

extern _Atomic uint64_t private_fd_bits[PRIVATE_FD_CEILING / 64]; /* a bit a hidden descriptor */
extern _Atomic unsigned private_fd_count;

/* Whether fd is one of ours that the program must not touch. No lock, no system call. */
static inline bool private_fd_has(int fd)
{
    if (__builtin_expect(atomic_load_explicit(&private_fd_count, memory_order_relaxed) == 0, 1))
        return false;
    if ((unsigned)fd >= PRIVATE_FD_CEILING)
        return false;
    return atomic_load_explicit(&private_fd_bits[fd / 64], memory_order_relaxed) >> (fd % 64) & 1;
}

/*
 * Moves fd to a high number and closes the old one. Returns the new descriptor, or fd itself if
 * there is no room above; a negative fd is handed through.
 */
int private_fd(int fd);

void private_fd_close(int fd);

#endif
