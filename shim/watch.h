/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which epoll instances watch divert sockets. The kernel watches the eventfd; so whoever waits for
 * such an instance must see to it that the eventfd is true, with watch_sockets().
 */
#ifndef DIVERTSHIM_WATCH_H
#define DIVERTSHIM_WATCH_H

#include "fdtable.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct divert_socket;

#define WATCH_MAX 256 /* sockets watched, all instances together */

extern _Atomic uint64_t watch_bits[FDTABLE_MAX / 64]; /* a bit an epoll descriptor */
extern _Atomic unsigned watch_count;

/* Whether fd is an epoll instance that watches divert sockets. No lock, no system call. */
static inline bool watch_has(int fd)
{
    if (__builtin_expect(atomic_load_explicit(&watch_count, memory_order_relaxed) == 0, 1))
        return false;
    if ((unsigned)fd >= FDTABLE_MAX)
        return false;
    return atomic_load_explicit(&watch_bits[fd / 64], memory_order_acquire) >> (fd % 64) & 1;
}

/*
 * epoll_ctl(2) on a divert socket s, or on an epoll instance that watches some (s is NULL then).
 * Errors: those of epoll_ctl(2), and -ENOSPC beyond WATCH_MAX.
 */
int watch_control(int epoll, int op, int fd, struct epoll_event *event, struct divert_socket *s);

/* The sockets that an instance watches, each with a reference for the caller; returns how many. */
size_t watch_sockets(int epoll, struct divert_socket **sockets, size_t max);

/* What was asked of the kernel in other words is put into the program's. */
void watch_translate(int epoll, struct epoll_event *events, int count);

/* to is a copy of the descriptor from, which watches some. */
void watch_copy(int from, int to);

/* fd is about to be closed: as a socket, and as an epoll instance. */
void watch_forget(int fd);

void watch_before_fork(void);
void watch_after_fork(bool child);

#endif
