/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a read that a signal interrupted goes on. */
#include "process/restart.h"

#include <signal.h>
#include <stddef.h>

/* Raised by what a thread does itself: a thread that waits does not get it. */
static bool is_fault(int sig)
{
    return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL || sig == SIGABRT ||
           sig == SIGTRAP || sig == SIGSYS;
}

bool restart_wanted(unsigned id_changes)
{
    if (privileges_id_changed_since(id_changes))
        return true;
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction action;

        if (is_fault(sig) || sigaction(sig, NULL, &action) < 0 || action.sa_handler == SIG_DFL ||
            action.sa_handler == SIG_IGN)
            continue;
        if (!(action.sa_flags & SA_RESTART))
            return false;
    }
    return true;
}
