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

#define HIDDEN_CEILING 8192 /* the kernel's table grows with the highest number in use */

extern _Atomic uint64_t hidden_bits[HIDDEN_CEILING / 64]; /* a bit a hidden descriptor */
extern _Atomic unsigned hidden_count;

/* Whether fd is one of ours that the program must not touch. No lock, no system call. */
static inline bool hidden_has(int fd)
{
    if (__builtin_expect(atomic_load_explicit(&hidden_count, memory_order_relaxed) == 0, 1))
        return false;
    if ((unsigned)fd >= HIDDEN_CEILING)
        return false;
    return atomic_load_explicit(&hidden_bits[fd / 64], memory_order_relaxed) >> (fd % 64) & 1;
}

/*
 * Moves fd to a high number and closes the old one. Returns the new descriptor, or fd itself if
 * there is no room above; a negative fd is handed through.
 */
int hidden_fd(int fd);

void hidden_close(int fd);

#endif
