/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads of the library's own, where one was asked for. */
#ifndef DIVERTSHIM_OWN_THREAD_H
#define DIVERTSHIM_OWN_THREAD_H

/*
 * Starts a detached thread that takes none of the program's signals and little of its memory.
 * Returns 0 or -errno of pthread_create(3).
 */
int own_thread_start(void *(*run)(void *));

#endif
