/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a read is restarted after a signal. poll(2) never is, and does not tell which handler
 * ran. But it looks at its descriptors before it looks for signals, and a signalfd is readable from
 * the arrival of a signal until its handler is entered.
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

static sigset_t interrupting;      /* signals whose handlers lacked SA_RESTART when last checked */
static _Atomic int signal_fd = -1; /* a signalfd for these, or -1 */

/* Raised by a thread's own instructions: a thread that waits does not get it. */
static bool is_fault(int sig)
{
    return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL || sig == SIGABRT ||
           sig == SIGTRAP || sig == SIGSYS;
}

/* The signals that interrupt this thread: not blocked, and with a handler without SA_RESTART. */
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

/* A seccomp filter may kill the process for a system call that its author did not think of. */
static bool is_filtered(void)
{
    return real.prctl(PR_GET_SECCOMP) != 0;
}

/* Updates the set and the signalfd; returns whether the set is unchanged. */
static bool update_interrupting(void)
{
    sigset_t now = {0}; /* libc sets only the part that the kernel knows */
    int fd = -1;

    get_interrupting(&now);
    if (memcmp(&now, &interrupting, sizeof(now)) == 0)
        return true;
    interrupting = now;
    if (!sigisemptyset(&now) && !is_filtered())
        fd = private_fd(signalfd(-1, &now, SFD_CLOEXEC | SFD_NONBLOCK));
    private_fd_close(atomic_exchange(&signal_fd, fd)); /* a handler may have done the same */
    return false;
}

/* A signal that was blocked since the last check keeps the signalfd readable. */
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
 * With several threads the signal may be another thread's. The handlers are checked before the
 * first wait, and after each that a signal ended.
 */
int restart_fd(void)
{
    static bool looked;

    if (!libc_is_single_threaded())
        return -1;
    if (!looked && !is_filtered())
        update_interrupting();
    looked = true;
    return signal_fd;
}

static bool all_restart(void)
{
    sigset_t set;

    get_interrupting(&set);
    return sigisemptyset(&set);
}

bool restart_wanted(unsigned id_changes, bool told)
{
    bool was_asked = signal_fd >= 0, goes_on;

    if (privileges_id_changed_since(id_changes))
        return true;
    if (!libc_is_single_threaded())
        return all_restart();
    if (told) {
        goes_on = blocked_one_waits();
        update_interrupting();
        return goes_on;
    }
    goes_on = update_interrupting();
    return was_asked ? goes_on : sigisemptyset(&interrupting);
}
