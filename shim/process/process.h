/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose memory this is: that of this process, of its parent as long as it borrows that, or a copy.
 * A child with memory of its own is noticed however it was made: by fork(), _Fork() or clone().
 */
#ifndef DIVERTSHIM_PROCESS_H
#define DIVERTSHIM_PROCESS_H

#include "process/shared_lock.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * The locks that the threads of a process share, in the order in which they are taken: who holds
 * one may take those further down. The locks of divert sockets (shared_lock.h) come before all of
 * them: a signal handler that interrupted the holder of one may fork.
 */
enum process_lock_id {
    LOCK_SPAWN,      /* descriptors that go along to another program */
    LOCK_OPTIONS,    /* the options are read, the trace is opened */
    LOCK_INJECT_OUT, /* raw sockets */
    LOCK_INJECT_IN,  /* the TAP device */
    LOCK_INTERFACES, /* the interfaces are read anew */
    LOCK_COOKIES,    /* SO_USER_COOKIE, see bsd/user_cookie.h */
    LOCK_COUNT
};

/* A page that the kernel fills with zeros in a child: it has no lock held, and no id yet. */
struct process_page {
    _Atomic pid_t pid;
    _Atomic unsigned verdict_timers; /* that are armed, see divert/verdict_timer.h */
    struct shared_lock lock[LOCK_COUNT];
};

extern struct process_page *process_page;

static inline unsigned process_verdict_timers(void)
{
    return atomic_load_explicit(&process_page->verdict_timers, memory_order_relaxed);
}

/* When the library starts. */
void process_start(void);

/* In a child, noticed or made by fork(). */
void process_notice(void);

/* The process that the memory belongs to; no system call but in a child that was not noticed. */
static inline pid_t process_id(void)
{
    if (__builtin_expect(!atomic_load_explicit(&process_page->pid, memory_order_relaxed), 0))
        process_notice();
    return atomic_load_explicit(&process_page->pid, memory_order_relaxed);
}

/*
 * Whether this process may change the tables. A child of vfork() runs in its parent's memory until
 * it calls exec: what it closes or copies is not the parent's. One system call.
 */
bool process_owns_memory(void);

/*
 * Takes a lock. Until it is given up the thread has all signals blocked and is not cancelled: a
 * signal handler never finds one held by the thread that it interrupted.
 */
void process_lock(enum process_lock_id id);
void process_unlock(enum process_lock_id id);

/* The signals that the holder of a lock had blocked before. */
const sigset_t *process_lock_signals(enum process_lock_id id);

/* Around fork(2): all of them, so that the child finds what they protect whole. */
void process_before_fork(void);
void process_after_fork(void);
void process_after_fork_in_child(void);

#endif
