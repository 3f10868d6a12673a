/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of the library, and of child processes. */
#include "hook.h"

#include "exec.h"
#include "flusher.h"
#include "inject.h"
#include "interfaces.h"
#include "own.h"
#include "packet.h"
#include "pump.h"
#include "shared_lock.h"
#include "watch.h"

#include <sys/mman.h>
#include <unistd.h>

/*
 * Whose memory this is. On a page that the kernel wipes in a child with memory of its own, even
 * one that was made past the handlers below, by _Fork() or clone().
 */
static pid_t *self;

static void remember_self(void)
{
    if (self)
        *self = getpid();
    shared_lock_self = 0;
}

static void map_self(void)
{
    const size_t size = 4096;
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return;
    madvise(page, size, MADV_WIPEONFORK);
    self = page;
    remember_self();
}

/*
 * A child of vfork() runs in its parent's memory until it calls exec: what it closes or copies is
 * not the parent's, so the parent's tables are not to change.
 */
bool own_tables(void)
{
    if (self && *self == 0)
        remember_self();
    return !self || *self == getpid();
}

/* Locks in the order in which they are taken elsewhere. */
static void before_fork(void)
{
    pump_before_fork();
    fdtable_before_fork();
    watch_before_fork();
    divert_before_fork();
    interfaces_before_fork();
    inject_before_fork();
}

static void after_fork(bool child)
{
    flusher_after_fork(child);
    inject_after_fork(child);
    interfaces_after_fork(child);
    divert_after_fork(child);
    watch_after_fork(child);
    fdtable_after_fork(child);
    pump_after_fork(child);
}

static void in_parent(void)
{
    after_fork(false);
}

static void in_child(void)
{
    remember_self();
    after_fork(true);
}

/* What was written is not lost when the program ends, by whatever way. */
__attribute__((destructor)) static void end(void)
{
    if (divert_any_open() && own_tables())
        flusher_send_all();
}

HOOK void _exit(int status)
{
    end();
    real._exit(status);
    __builtin_unreachable();
}

HOOK void _Exit(int status)
{
    _exit(status);
}

__attribute__((constructor)) static void start(void)
{
    map_self();
    packet_keys_seed();
    pthread_atfork(before_fork, in_parent, in_child);
    exec_adopt();
    pump_add_all();
}
