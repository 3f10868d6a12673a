/* SPDX-License-Identifier: BSD-2-Clause */
/* libevent. Its environment (EVENT_NOEPOLL, EVENT_NOPOLL) chooses the system call. */
#include "pass.h"

#include <event2/event.h>

static void ready(evutil_socket_t fd, short what, void *base)
{
    (void)what;
    if (!pass_one(fd))
        event_base_loopbreak(base);
}

int main(int argc, char *argv[])
{
    int fd = pass_open(argc, argv);
    struct event_base *base = event_base_new();
    struct event *event = event_new(base, fd, EV_READ | EV_PERSIST, ready, base);

    printf("by %s\n", event_base_get_method(base));
    fflush(stdout);
    event_add(event, NULL);
    event_base_dispatch(base);
    event_free(event);
    event_base_free(base);
    return left;
}
