/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a read that a signal interrupted goes on. poll(2) never does, and does not say which
 * handler ran. But it looks at its descriptors before it looks for signals, and a signalfd is
 * readable from when a signal comes until its handler is entered.
 */
#include "process/restart.h"

#include "common/libc.h"
#include "process/private_fd.h"
#include "real.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

static sigset_t interrupting;    /* signals whose handlers had no SA_RESTART at the last look */
static _Atomic int told_by = -1; /* a signalfd of these, if there are any */

/* Raised by what a thread does itself: a thread that waits does not get it. */
static bool is_fault(int sig)
{
    return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL || sig == SIGABRT ||
           sig == SIGTRAP || sig == SIGSYS;
}

/* The signals that end a wait of this thread: it does not block them. */
static void get_interrupting(sigset_t *set)
{
    sigset_t blocked;

    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    sigemptyset(set);
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction action;

        if (!is_fault(sig) && sigaction(sig, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
            action.sa_handler != SIG_IGN && !(action.sa_flags & SA_RESTART) &&
            !sigismember(&blocked, sig))
            sigaddset(set, sig);
    }
}

/* A filter of system calls may end the process for one that its author has not thought of. */
static bool is_filtered(void)
{
    return real.prctl(PR_GET_SECCOMP) != 0;
}

/* Returns whether they are as they were. */
static bool look(void)
{
    sigset_t now = {0}; /* libc sets as much of it as the kernel knows */
    int fd = -1;

    get_interrupting(&now);
    if (memcmp(&now, &interrupting, sizeof(now)) == 0)
        return true;
    interrupting = now;
    if (!sigisemptyset(&now) && !is_filtered())
        fd = private_fd(signalfd(-1, &now, SFD_CLOEXEC | SFD_NONBLOCK));
    private_fd_close(atomic_exchange(&told_by, fd)); /* a handler may have been here, too */
    return false;
}

/* A signal that is blocked since the last look keeps the signalfd readable. */
static bool blocked_one_waits(void)
{
    sigset_t blocked, set;

    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    sigpending(&set);
    sigandset(&set, &set, &blocked);
    sigandset(&set, &set, &interrupting);
    return !sigisemptyset(&set);
}

/*
 * In a process with threads the signal may be another one's. The handlers are looked at before the
 * first wait, and after each that a signal ended.
 */
int restart_fd(void)
{
    static bool looked;

    if (!libc_is_single_threaded())
        return -1;
    if (!looked && !is_filtered())
        look();
    looked = true;
    return told_by;
}

static bool all_restart(void)
{
    sigset_t set;

    get_interrupting(&set);
    return sigisemptyset(&set);
}

bool restart_wanted(unsigned id_changes, bool told)
{
    bool was_asked = told_by >= 0, goes_on;

    if (privileges_id_changed_since(id_changes))
        return true;
    if (!libc_is_single_threaded())
        return all_restart();
    if (told) {
        goes_on = blocked_one_waits();
        look();
        return goes_on;
    }
    goes_on = look();
    return was_asked ? goes_on : sigisemptyset(&interrupting);
}
