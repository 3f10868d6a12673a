/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads of the library's own, where one was asked for. */
#ifndef DIVERTSHIM_OWN_THREAD_H
#define DIVERTSHIM_OWN_THREAD_H

/*
 * Starts a detached thread that takes none of the program's signals and little of its memory.
 * Returns 0 or -errno of pthread_create(3).
 */
int own_thread_start(void *(*run)(void *));

/* Such a thread touches sockets only between these two. */
void own_thread_begin(void);
void own_thread_end(void);

/*
 * Before exec, which ends the threads, and when it has failed: they stand still between these two.
 * Otherwise one might end in the middle of things, and what other processes share with this one
 * would be left half done.
 */
void own_thread_hold(void);
void own_thread_release(void);

/* In a child, which has no such threads. */
void own_thread_after_fork(void);

#endif
