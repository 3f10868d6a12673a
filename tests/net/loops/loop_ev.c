/* SPDX-License-Identifier: BSD-2-Clause */
/* libev. Its environment (LIBEV_FLAGS) chooses the system call. */
#include "pass.h"

#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#include <ev.h>

static void ready(EV_P_ ev_io *watcher, int events)
{
    (void)events;
    if (!pass_one(watcher->fd))
        ev_break(EV_A_ EVBREAK_ALL);
}

int main(int argc, char *argv[])
{
    int fd = pass_open(argc, argv);
    struct ev_loop *loop = ev_default_loop(0);
    ev_io watcher;

    printf("by %u\n", ev_backend(loop));
    fflush(stdout);
    ev_io_init(&watcher, ready, fd, EV_READ);
    ev_io_start(loop, &watcher);
    ev_run(loop, 0);
    return left;
}
