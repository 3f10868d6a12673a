/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptor table: what each descriptor of the process is. Asking about a foreign one costs a
 * load and a test: no lock, no allocation, no system call. All operations are atomic, so a signal
 * handler may use the table at any moment, and a child's copy is consistent however the child was
 * made.
 */
#ifndef DIVERTSHIM_FDTABLE_H
#define DIVERTSHIM_FDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fd_kind {
    FD_FOREIGN, /* the program's own */
    FD_PRIVATE, /* the library's: to the program it is closed */
    FD_ROUTE,   /* a routing socket, see bsd/route_socket.h */
    FD_DIVERT   /* a divert socket */
};

/*
 * What a descriptor of kind FD_DIVERT stands for. The memory is never used for anything else, so
 * references may be read after the object has ended: then they are 0.
 */
struct fd_object {
    _Atomic unsigned references;
    void (*end)(struct fd_object *o); /* called when the last reference is given up */
};

#define FDTABLE_MAX (1 << 20) /* descriptors from here on count as foreign */

extern _Atomic uint64_t fdtable_bits[FDTABLE_MAX / 64]; /* one bit for each that is not foreign */
extern _Atomic unsigned fdtable_count;                  /* how many are not */

static inline bool fdtable_special(int fd)
{
    if (__builtin_expect(atomic_load_explicit(&fdtable_count, memory_order_relaxed) == 0, 1))
        return false;
    if ((unsigned)fd >= FDTABLE_MAX)
        return false;
    return atomic_load_explicit(&fdtable_bits[fd / 64], memory_order_acquire) >> (fd % 64) & 1;
}

/* The bits of the 64 descriptors around fd, with relaxed memory order. */
static inline uint64_t fdtable_word(int fd)
{
    return atomic_load_explicit(&fdtable_bits[fd / 64], memory_order_relaxed);
}

/* For descriptors that are not foreign. */
enum fd_kind fdtable_special_kind(int fd);
struct fd_object *fdtable_special_hold(int fd);

static inline enum fd_kind fdtable_kind(int fd)
{
    return fdtable_special(fd) ? fdtable_special_kind(fd) : FD_FOREIGN;
}

/* The object of a divert socket with a reference for the caller (fd_object_release()), or NULL. */
static inline struct fd_object *fdtable_hold(int fd)
{
    return fdtable_special(fd) ? fdtable_special_hold(fd) : NULL;
}

/*
 * Enters fd as FD_PRIVATE or FD_ROUTE; or as FD_DIVERT with the caller's reference to o, which the
 * table takes over. What fd was before is cleared. Returns 0, -EMFILE (fd too high) or -ENOMEM.
 */
int fdtable_set(int fd, enum fd_kind kind);
int fdtable_set_divert(int fd, struct fd_object *o);

/* Makes fd foreign and gives up the table's reference. */
void fdtable_clear(int fd);

/* The first descriptor from fd on that is not foreign, or -1. */
int fdtable_next(int fd);

static inline struct fd_object *fd_object_hold(struct fd_object *o)
{
    atomic_fetch_add_explicit(&o->references, 1, memory_order_relaxed);
    return o;
}

/* The same unless the object has ended: then false. */
bool fd_object_hold_if_used(struct fd_object *o);

static inline void fd_object_release(struct fd_object *o)
{
    if (atomic_fetch_sub_explicit(&o->references, 1, memory_order_acq_rel) == 1)
        o->end(o);
}

#endif
