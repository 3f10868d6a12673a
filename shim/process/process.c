/* SPDX-License-Identifier: BSD-2-Clause */
/* Noticing a child, and the locks that threads share. */
#include "process/process.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static struct process_page first_page; /* until the library has started, or without memory */
struct process_page *process_page = &first_page;

/* What is restored when a lock is given up. */
static struct {
    sigset_t signals;
    int cancel_state;
} before_lock[LOCK_COUNT];

void process_notice(void)
{
    shared_lock_self = 0;
    atomic_store(&process_page->pid, getpid());
}

void process_start(void)
{
    const size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page != MAP_FAILED && madvise(page, size, MADV_WIPEONFORK) == 0)
        process_page = page;
    process_notice();
}

bool process_owns_memory(void)
{
    return process_id() == getpid();
}

void process_lock(enum process_lock_id id)
{
    sigset_t all, signals;
    int cancel_state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &signals);
    process_id(); /* notices a child, where the locks are free */
    shared_lock(&process_page->lock[id]);
    before_lock[id].signals = signals;
    before_lock[id].cancel_state = cancel_state;
}

void process_unlock(enum process_lock_id id)
{
    sigset_t signals = before_lock[id].signals;
    int cancel_state = before_lock[id].cancel_state;

    shared_unlock(&process_page->lock[id]);
    pthread_sigmask(SIG_SETMASK, &signals, NULL);
    pthread_setcancelstate(cancel_state, NULL);
}

const sigset_t *process_lock_signals(enum process_lock_id id)
{
    return &before_lock[id].signals;
}

void process_before_fork(void)
{
    for (int id = 0; id < LOCK_COUNT; id++)
        process_lock(id);
}

void process_after_fork(void)
{
    for (int id = LOCK_COUNT; id-- > 0;)
        process_unlock(id);
}

/* In the child the locks are free already, unless the page is not wiped. */
void process_after_fork_in_child(void)
{
    process_notice();
    process_after_fork();
}
