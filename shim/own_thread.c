/* SPDX-License-Identifier: BSD-2-Clause */
#include "own_thread.h"

#include "util/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define STACK_SIZE  262144    /* bytes */
#define PATIENCE_NS 100000000 /* such a thread is never busy for so long */

int own_thread_start(void *(*run)(void *))
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_t thread;
    int err;

    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the thread inherits that */
    err = pthread_create(&thread, &attr, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return -err;
}

static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER;
static __thread bool begun;

void own_thread_begin(void)
{
    pthread_mutex_lock(&busy);
}

void own_thread_end(void)
{
    pthread_mutex_unlock(&busy);
}

/* A signal handler may call exec that interrupted what such a thread is waiting for. */
void own_thread_hold(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PATIENCE_NS;
    if (until.tv_nsec >= (long)NS_PER_SEC) {
        until.tv_nsec -= (long)NS_PER_SEC;
        until.tv_sec++;
    }
    if (!begun)
        begun = pthread_mutex_timedlock(&busy, &until) == 0;
}

void own_thread_release(void)
{
    if (begun)
        pthread_mutex_unlock(&busy);
    begun = false;
}

void own_thread_after_fork(void)
{
    begun = false;
    pthread_mutex_init(&busy, NULL);
}
