/* SPDX-License-Identifier: BSD-2-Clause */
#include "flusher.h"

#include "divert/divert.h"
#include "fdtable.h"
#include "own_thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS 500000 /* how long a verdict may wait */
#define AT_ONCE     64     /* sockets */
#define ROUNDS      64     /* no more if the kernel takes nothing */

static _Atomic uint32_t waiting; /* futex: whether a verdict waits */
static _Atomic bool running;

static pthread_key_t key; /* has a value in threads whose verdicts may wait */
static bool key_made;

/* Sockets are locked without the table's lock: who has a socket's may want the table's. */
struct found {
    struct divert_socket *socket[AT_ONCE];
    unsigned count;
};

static void find_one(int fd, struct divert_socket *s, void *arg)
{
    struct found *found = arg;

    (void)fd;
    if (found->count < AT_ONCE && divert_verdicts_pending(s))
        found->socket[found->count++] = divert_hold(s);
}

void flusher_send_all(void)
{
    struct found found;
    int saved = errno;

    atomic_store(&waiting, 0);
    for (int round = 0; round < ROUNDS; round++) {
        found.count = 0;
        fdtable_each(find_one, &found);
        for (unsigned i = 0; i < found.count; i++) {
            divert_send_verdicts(found.socket[i]);
            divert_release(found.socket[i]);
        }
        if (found.count < AT_ONCE)
            break;
    }
    errno = saved;
}

static void *flush_for_ever(void *arg)
{
    const struct timespec patience = {.tv_nsec = PATIENCE_NS};

    for (;;) {
        while (atomic_load(&waiting) == 0)
            syscall(SYS_futex, &waiting, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        nanosleep(&patience, NULL);
        own_thread_begin();
        flusher_send_all();
        own_thread_end();
    }
    return arg;
}

bool flusher_note(void)
{
    int saved = errno;

    if (!atomic_load_explicit(&running, memory_order_relaxed) && !atomic_exchange(&running, true) &&
        own_thread_start(flush_for_ever)) {
        atomic_store(&running, false);
        errno = saved;
        return false;
    }
    if (atomic_load_explicit(&waiting, memory_order_relaxed) == 0 && !atomic_exchange(&waiting, 1))
        syscall(SYS_futex, &waiting, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
    return true;
}

static void end_thread(void *arg)
{
    (void)arg;
    flusher_send_all();
}

void flusher_start(void)
{
    key_made = pthread_key_create(&key, end_thread) == 0;
}

bool flusher_note_thread(void)
{
    static __thread bool noted;

    if (!noted)
        noted = key_made && pthread_setspecific(key, &noted) == 0;
    return noted;
}

static void forget_one(int fd, struct divert_socket *s, void *arg)
{
    (void)fd;
    (void)arg;
    divert_forget_verdicts(s);
}

void flusher_after_fork(bool child)
{
    if (!child)
        return;
    atomic_store(&running, false);
    atomic_store(&waiting, 0);
    atomic_store(&verdict_timers_armed, 0);
    fdtable_each(forget_one, NULL);
}
