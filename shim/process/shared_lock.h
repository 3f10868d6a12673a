/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock in memory that processes share, for the path of every packet: taking a free one is one
 * atomic instruction. It notices when its owner has died, and when a signal handler asks for it
 * that interrupted its owner.
 */
#ifndef DIVERTSHIM_SHARED_LOCK_H
#define DIVERTSHIM_SHARED_LOCK_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* 0 if free; else the owner's thread id, with a bit that says that others wait. */
struct shared_lock {
    _Atomic uint32_t word;
};

#define SHARED_LOCK_WAITERS (1u << 31)

extern __thread uint32_t shared_lock_self; /* this thread's id, 0 if not known yet */

uint32_t shared_lock_learn_self(void);
int shared_lock_wait(struct shared_lock *l, uint32_t self);
void shared_lock_wake(struct shared_lock *l);

/* The calling thread's id. The caller must have called process_id(), to notice a child. */
static inline uint32_t shared_lock_id(void)
{
    return shared_lock_self ? shared_lock_self : shared_lock_learn_self();
}

/*
 * Takes the lock. Returns 0; -EOWNERDEAD if the owner died with it: the caller has it now; or
 * -EDEADLK if this thread has it already.
 */
static inline int shared_lock(struct shared_lock *l)
{
    uint32_t self = shared_lock_id(), is_free = 0;

    if (atomic_compare_exchange_strong_explicit(&l->word, &is_free, self, memory_order_acquire,
                                                memory_order_relaxed))
        return 0;
    return shared_lock_wait(l, self);
}

static inline bool shared_lock_taken(const struct shared_lock *l)
{
    return atomic_load_explicit(&l->word, memory_order_acquire) != 0;
}

/* Whether the calling thread has it. */
static inline bool shared_lock_held_here(const struct shared_lock *l)
{
    uint32_t word = atomic_load_explicit(&l->word, memory_order_relaxed);

    return (word & ~SHARED_LOCK_WAITERS) == shared_lock_id();
}

static inline void shared_unlock(struct shared_lock *l)
{
    if (atomic_exchange_explicit(&l->word, 0, memory_order_release) & SHARED_LOCK_WAITERS)
        shared_lock_wake(l);
}

#endif
