/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose memory this is: this process's, its parent's (vfork), or a copy of that. A child with
 * memory of its own is noticed however it was made: by fork(), _Fork() or clone().
 */
#ifndef DIVERTSHIM_PROCESS_H
#define DIVERTSHIM_PROCESS_H

#include "process/shared_lock.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * The locks that the threads of a process share. They are taken in this order. The locks of divert
 * sockets (shared_lock.h) come before all of them: a signal handler that interrupted the holder of
 * one may fork.
 */
enum process_lock_id {
    LOCK_SPAWN,      /* descriptors are passed to another program */
    LOCK_OPTIONS,    /* the options are read, the trace is opened */
    LOCK_INJECT_OUT, /* raw sockets */
    LOCK_INJECT_IN,  /* the TAP device */
    LOCK_INTERFACES, /* the list of interfaces is rebuilt */
    LOCK_COOKIES,    /* SO_USER_COOKIE, see bsd/user_cookie.h */
    LOCK_COUNT
};

/* A page that the kernel zeroes in a child: no lock is held there, and there is no id yet. */
struct process_page {
    _Atomic pid_t pid;
    _Atomic unsigned verdict_timers; /* number armed, see divert/verdict_timer.h */
    struct shared_lock lock[LOCK_COUNT];
};

extern struct process_page *process_page;

static inline unsigned process_verdict_timers(void)
{
    return atomic_load_explicit(&process_page->verdict_timers, memory_order_relaxed);
}

/* To be called once, when the library starts. */
void process_start(void);

/* To be called in a child that was noticed, or made by fork(). */
void process_notice(void);

/*
 * The id of the process that the memory belongs to. Makes a system call only in a child that has
 * not been noticed.
 */
static inline pid_t process_id(void)
{
    if (__builtin_expect(!atomic_load_explicit(&process_page->pid, memory_order_relaxed), 0))
        process_notice();
    return atomic_load_explicit(&process_page->pid, memory_order_relaxed);
}

/*
 * Whether this process may change the tables. A child of vfork() must not: it runs in its parent's
 * memory until it calls exec. One system call.
 */
bool process_owns_memory(void);

/*
 * Takes a lock. Until process_unlock() the thread has all signals blocked and cannot be cancelled:
 * so a signal handler never finds a lock held by the thread that it interrupted.
 */
void process_lock(enum process_lock_id id);
void process_unlock(enum process_lock_id id);

/* The signal mask that the holder of a lock had before. */
const sigset_t *process_lock_signals(enum process_lock_id id);

/*
 * Around fork(2): take and give up all locks, so that what they protect is consistent in the child.
 */
void process_before_fork(void);
void process_after_fork(void);
void process_after_fork_in_child(void);

#endif
