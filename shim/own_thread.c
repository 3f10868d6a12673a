/* SPDX-License-Identifier: BSD-2-Clause */
#include "own_thread.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#define STACK_SIZE 262144 /* bytes */

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
static __thread unsigned begun; /* a signal handler may call exec within exec */

void own_thread_begin(void)
{
    if (begun++ == 0)
        pthread_mutex_lock(&busy);
}

void own_thread_end(void)
{
    if (--begun == 0)
        pthread_mutex_unlock(&busy);
}

void own_thread_after_fork(void)
{
    begun = 0;
    pthread_mutex_init(&busy, NULL);
}
