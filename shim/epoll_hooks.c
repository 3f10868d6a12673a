/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll(7). */
#include "hook.h"

#include "util/clock.h"
#include "wait.h"
#include "watch.h"

HOOK int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    struct divert_socket *s = fdtable_find(fd);

    if (s)
        return finish_int(s, watch_control(epoll, op, fd, event, s));
    if (!watch_has(fd))
        return real.epoll_ctl(epoll, op, fd, event);
    return as_result(watch_control(epoll, op, fd, event, NULL));
}

/* Whether an epoll instance watches divert sockets; if not, the program may wait in the kernel. */
static bool find_watch(int epoll)
{
    bool any = watch_has(epoll);

    if (!any)
        flusher_before_wait();
    return any;
}

HOOK int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    if (max <= 0 || !find_watch(epoll))
        return real.epoll_wait(epoll, events, max, timeout);
    return as_result(wait_epoll(epoll, events, max, wait_deadline_ms(timeout), NULL));
}

HOOK int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout,
                     const sigset_t *mask)
{
    if (max <= 0 || !find_watch(epoll))
        return real.epoll_pwait(epoll, events, max, timeout, mask);
    return as_result(wait_epoll(epoll, events, max, wait_deadline_ms(timeout), mask));
}

HOOK int epoll_pwait2(int epoll, struct epoll_event *events, int max,
                      const struct timespec *timeout, const sigset_t *mask)
{
    if (max <= 0 || !find_watch(epoll))
        return real.epoll_pwait2(epoll, events, max, timeout, mask);
    return as_result(wait_epoll(epoll, events, max, wait_deadline(timeout), mask));
}
