/* SPDX-License-Identifier: BSD-2-Clause */
/* Start of the library, and of child processes. */
#include "hook.h"

#include "interfaces.h"
#include "packet.h"

__attribute__((constructor)) static void start(void)
{
    packet_keys_seed();
    pthread_atfork(NULL, NULL, interfaces_after_fork);
}
