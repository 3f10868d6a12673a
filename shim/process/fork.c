/* SPDX-License-Identifier: BSD-2-Clause */
#include "process/fork.h"

#include "own_thread.h"
#include "process/shared_lock.h"

#include <sys/mman.h>
#include <unistd.h>

/*
 * On a page that the kernel wipes in a child with memory of its own, even in one that was made past
 * all handlers, by _Fork() or clone().
 */
static pid_t *self;

void process_after_fork(void)
{
    if (self)
        *self = getpid();
    shared_lock_self = 0;
    own_thread_after_fork();
}

void process_start(void)
{
    const size_t size = 4096;
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return;
    madvise(page, size, MADV_WIPEONFORK);
    self = page;
    process_after_fork();
}

bool process_owns_memory(void)
{
    if (self && *self == 0)
        process_after_fork();
    return !self || *self == getpid();
}

pid_t process_id(void)
{
    return self ? *self : 0;
}
