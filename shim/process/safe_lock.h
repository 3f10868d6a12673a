/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock for tables that signal handlers may want too: who holds it has all signals blocked, so a
 * handler never finds it held by the thread it interrupted. Not for the way of a packet.
 */
#ifndef DIVERTSHIM_SAFE_LOCK_H
#define DIVERTSHIM_SAFE_LOCK_H

#include <pthread.h>
#include <signal.h>

struct safe_lock {
    pthread_mutex_t mutex;
    sigset_t signals; /* of the holder, to go back to */
};

#define SAFE_LOCK_INITIALIZER              \
    {                                      \
        .mutex = PTHREAD_MUTEX_INITIALIZER \
    }

static inline void safe_lock(struct safe_lock *l)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&l->mutex);
    l->signals = before;
}

static inline void safe_unlock(struct safe_lock *l)
{
    sigset_t before = l->signals;

    pthread_mutex_unlock(&l->mutex);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

#endif
