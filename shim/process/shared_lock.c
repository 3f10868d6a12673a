/* SPDX-License-Identifier: BSD-2-Clause */
/* The slow paths of the lock that processes share: waiting, waking, dead owners. */
#include "process/shared_lock.h"

#include "common/libc.h"
#include "real.h"

#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* After so long it is checked whether the owner lives: none holds the lock for as long. */
#define OWNER_CHECK_NS 50000000

__thread uint32_t shared_lock_self;

uint32_t shared_lock_learn_self(void)
{
    shared_lock_self = (uint32_t)libc_gettid();
    return shared_lock_self;
}

/* A zombie still exists for kill(2), but its pidfd is readable. */
static bool process_has_ended(pid_t process)
{
    struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, process, 0), .events = POLLIN};
    bool ended;

    if (p.fd < 0)
        return false;
    ended = real.poll(&p, 1, 0) == 1;
    real.close(p.fd);
    return ended;
}

/* Needs no descriptor: the process may be allowed none. */
static bool child_has_ended(pid_t process)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid;
}

static bool owner_is_gone(uint32_t thread)
{
    pid_t id = (pid_t)thread;
    int saved = errno;
    bool gone = (kill(id, 0) < 0 && errno == ESRCH) || process_has_ended(id) || child_has_ended(id);

    errno = saved;
    return gone;
}

static bool sleep_while(struct shared_lock *l, uint32_t value)
{
    struct timespec timeout = {.tv_nsec = OWNER_CHECK_NS};
    int saved = errno;
    bool timed_out = syscall(SYS_futex, &l->word, FUTEX_WAIT, value, &timeout, NULL, 0) < 0 &&
                     errno == ETIMEDOUT;

    errno = saved;
    return !timed_out;
}

/* After a wait it is unknown whether others wait, too: the lock is taken with the waiters' bit. */
int shared_lock_wait(struct shared_lock *l, uint32_t self)
{
    for (;;) {
        uint32_t word = atomic_load_explicit(&l->word, memory_order_relaxed);
        uint32_t owner = word & ~SHARED_LOCK_WAITERS;

        if (owner == self)
            return -EDEADLK;
        if (word == 0) {
            if (atomic_compare_exchange_strong_explicit(&l->word, &word, self | SHARED_LOCK_WAITERS,
                                                        memory_order_acquire, memory_order_relaxed))
                return 0;
            continue;
        }
        if (!(word & SHARED_LOCK_WAITERS) &&
            !atomic_compare_exchange_strong_explicit(&l->word, &word, word | SHARED_LOCK_WAITERS,
                                                     memory_order_relaxed, memory_order_relaxed))
            continue;
        word |= SHARED_LOCK_WAITERS;
        if (!sleep_while(l, word) && owner_is_gone(owner) &&
            atomic_compare_exchange_strong_explicit(&l->word, &word, self | SHARED_LOCK_WAITERS,
                                                    memory_order_acquire, memory_order_relaxed))
            return -EOWNERDEAD;
    }
}

void shared_lock_wake(struct shared_lock *l)
{
    int saved = errno;

    syscall(SYS_futex, &l->word, FUTEX_WAKE, 1, NULL, NULL, 0);
    errno = saved;
}
