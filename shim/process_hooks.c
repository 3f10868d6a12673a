/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of the library, and of child processes. */
#include "hook.h"

#include "inject.h"
#include "interfaces.h"
#include "own.h"
#include "packet.h"
#include "watch.h"

#include <unistd.h>

static pid_t self;

/*
 * A child of vfork() runs in its parent's memory until it calls exec: what it closes or copies is
 * not the parent's, so the parent's tables are not to change.
 */
bool own_tables(void)
{
    return self == 0 || getpid() == self;
}

/* Locks in the order in which they are taken elsewhere. */
static void before_fork(void)
{
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
}

static void in_parent(void)
{
    after_fork(false);
}

static void in_child(void)
{
    self = getpid();
    after_fork(true);
}

__attribute__((constructor)) static void start(void)
{
    self = getpid();
    packet_keys_seed();
    pthread_atfork(before_fork, in_parent, in_child);
}
