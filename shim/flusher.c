/* SPDX-License-Identifier: BSD-2-Clause */
#include "flusher.h"

#include "divert.h"
#include "fdtable.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS 500000 /* how long a verdict may wait */
#define STACK_SIZE  65536

static _Atomic uint32_t waiting; /* futex: whether a verdict waits */
static _Atomic bool running;

static void send_one(int fd, struct divert_socket *s, void *arg)
{
    (void)fd;
    (void)arg;
    divert_send_verdicts(s);
}

void flusher_send_all(void)
{
    atomic_store(&waiting, 0);
    fdtable_each(send_one, NULL);
}

static void *flush_for_ever(void *arg)
{
    const struct timespec patience = {.tv_nsec = PATIENCE_NS};

    for (;;) {
        while (atomic_load(&waiting) == 0)
            syscall(SYS_futex, &waiting, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        nanosleep(&patience, NULL);
        flusher_send_all();
    }
    return arg;
}

static int start_thread(void)
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
    err = pthread_create(&thread, &attr, flush_for_ever, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return err;
}

bool flusher_note(void)
{
    int saved = errno;

    if (!atomic_load_explicit(&running, memory_order_relaxed) && !atomic_exchange(&running, true) &&
        start_thread()) {
        atomic_store(&running, false);
        errno = saved;
        return false;
    }
    if (atomic_load_explicit(&waiting, memory_order_relaxed) == 0 && !atomic_exchange(&waiting, 1))
        syscall(SYS_futex, &waiting, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
    return true;
}

void flusher_after_fork(bool child)
{
    if (!child)
        return;
    atomic_store(&running, false);
    atomic_store(&waiting, 0);
}
