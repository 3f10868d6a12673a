/* SPDX-License-Identifier: BSD-2-Clause */
/* The start and the end of the library; hooks of _exit(2). */
#include "hook.h"

#include "divert/inherit.h"
#include "process/privileges.h"
#include "process/process.h"
#include "util/options.h"

#include <pthread.h>
#include <unistd.h>

/* Sends pending verdicts when the program ends by exit(3) or _exit(2). */
__attribute__((destructor)) static void end_library(void)
{
    if (divert_any_open() && process_owns_memory())
        divert_send_pending_verdicts();
}

HOOK void _exit(int status)
{
    end_library();
    real._exit(status);
    __builtin_unreachable();
}

HOOK void _Exit(int status) __attribute__((alias("_exit")));

__attribute__((constructor)) static void start_library(void)
{
    log_take_standard_error();
    process_start();
    divert_start();
    if (options_keep_caps_from_start())
        privileges_keep(true);
    pthread_atfork(process_before_fork, process_after_fork, process_after_fork_in_child);
    inherit_adopt();
}
