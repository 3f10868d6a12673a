/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which descriptors are divert sockets. Asking about one that is not costs a load and a test: no
 * lock, no allocation, no system call, so it may be asked in a signal handler.
 */
#ifndef DIVERTSHIM_FDTABLE_H
#define DIVERTSHIM_FDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct divert_socket;

#define FDTABLE_MAX (1 << 20) /* descriptors from here on are never divert sockets */

extern _Atomic uint64_t fdtable_bits[FDTABLE_MAX / 64]; /* a bit a descriptor that is ours */
extern _Atomic unsigned fdtable_count;                  /* how many are */

#define FDTABLE_NEAR 4096 /* below this, a socket is found without a lock */

/* Looks in the table itself; for descriptors that fdtable_has() says are ours. */
struct divert_socket *fdtable_lookup(int fd);

static inline bool fdtable_has(int fd)
{
    if (__builtin_expect(atomic_load_explicit(&fdtable_count, memory_order_relaxed) == 0, 1))
        return false;
    if ((unsigned)fd >= FDTABLE_MAX)
        return false;
    return atomic_load_explicit(&fdtable_bits[fd / 64], memory_order_acquire) >> (fd % 64) & 1;
}

/* The divert socket behind fd with a reference for the caller (divert_release()), or NULL. */
static inline struct divert_socket *fdtable_find(int fd)
{
    return fdtable_has(fd) ? fdtable_lookup(fd) : NULL;
}

/*
 * Enters fd; the table takes over the caller's reference to s, and gives up the one of a socket
 * that fd stood for before. Returns 0, -EMFILE (fd too high) or -ENOMEM.
 */
int fdtable_insert(int fd, struct divert_socket *s);

/* Takes fd out and hands its reference to the caller; NULL if it was not in. */
struct divert_socket *fdtable_remove(int fd);

/* Calls visit for each descriptor in turn, under the table's lock; visit must not call back. */
void fdtable_each(void (*visit)(int fd, struct divert_socket *s, void *arg), void *arg);

void fdtable_before_fork(void);
void fdtable_after_fork(bool child);

#endif
