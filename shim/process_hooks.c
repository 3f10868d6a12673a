/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of the library, and of child processes. */
#include "hook.h"

#include "divert/inherit.h"
#include "flusher.h"
#include "inject/inject.h"
#include "netif/interfaces.h"
#include "packet/packet.h"
#include "process/fork.h"
#include "pump.h"
#include "watch.h"

#include <unistd.h>

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
    inject_after_fork(child);
    interfaces_after_fork(child);
    divert_after_fork(child);
    watch_after_fork(child);
    fdtable_after_fork(child);
    flusher_after_fork(child);
    pump_after_fork(child);
}

static void in_parent(void)
{
    after_fork(false);
}

static void in_child(void)
{
    process_after_fork();
    after_fork(true);
}

/* What was written is not lost when the program ends, by whatever direction. */
__attribute__((destructor)) static void end(void)
{
    if (divert_any_open() && process_owns_memory())
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
    process_start();
    flusher_start();
    packet_keys_seed();
    pthread_atfork(before_fork, in_parent, in_child);
    exec_adopt();
    pump_add_all();
}
