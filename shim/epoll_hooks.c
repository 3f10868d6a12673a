/* SPDX-License-Identifier: BSD-2-Clause */
/* Hooks of epoll(7). */
#include "hook.h"

#include "wait.h"

#define WRITABLE (EPOLLOUT | EPOLLWRNORM)
#define MODES    (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP)

static int control(int epoll, int op, int fd, struct epoll_event *event)
{
    return real.epoll_ctl(epoll, op, fd, event) < 0 ? -errno : 0;
}

/*
 * The socket's descriptor is an epoll instance and cannot report EPOLLOUT. A descriptor that is
 * always writable is added beside it, with the same data.
 */
static int watch_writable(int epoll, struct divert_socket *s, const struct epoll_event *event)
{
    struct epoll_event own = *event;
    int fd = divert_writable_fd(s), err;

    if (fd < 0)
        return fd;
    own.events &= WRITABLE | MODES;
    err = control(epoll, EPOLL_CTL_ADD, fd, &own);
    return err == -EEXIST ? control(epoll, EPOLL_CTL_MOD, fd, &own) : err;
}

static void forget_writable(int epoll, const struct divert_socket *s)
{
    int fd = divert_writable_fd_if_any(s);

    if (fd >= 0)
        control(epoll, EPOLL_CTL_DEL, fd, NULL);
}

/*
 * An epoll instance inside another cannot have EPOLLEXCLUSIVE, and wakes for EPOLLIN alone:
 * EPOLLRDNORM gets both.
 */
static int control_divert(int epoll, int op, int fd, struct epoll_event *event,
                          struct divert_socket *s)
{
    struct epoll_event own;
    int err;

    if (op == EPOLL_CTL_DEL || !event) {
        err = control(epoll, op, fd, event);
        if (!err)
            forget_writable(epoll, s);
        return err;
    }
    own = *event;
    own.events &= ~(uint32_t)(EPOLLEXCLUSIVE | WRITABLE);
    if (own.events & EPOLLRDNORM)
        own.events |= EPOLLIN;
    err = control(epoll, op, fd, &own);
    if (err)
        return err;
    if (!(event->events & WRITABLE)) {
        forget_writable(epoll, s);
        return 0;
    }
    err = watch_writable(epoll, s, event);
    if (err && op == EPOLL_CTL_ADD)
        control(epoll, EPOLL_CTL_DEL, fd, NULL);
    return err;
}

/* To the program a divert socket is not an epoll instance. */
static int check_instance(int epoll)
{
    switch (fdtable_kind(epoll)) {
    case FD_DIVERT:
        return -EINVAL;
    case FD_PRIVATE:
        return -EBADF;
    default:
        return 0;
    }
}

HOOK int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    struct divert_socket *s = divert_find(fd);
    int err = check_instance(epoll);

    if (!err && is_private(fd))
        err = -EBADF;
    if (!err && !s)
        return real.epoll_ctl(epoll, op, fd, event);
    return (int)finish(s, err ? err : control_divert(epoll, op, fd, event, s));
}

/*
 * Merges the events of a socket's two descriptors. A program that gives several descriptors the
 * same data cannot tell them apart anyway.
 */
static int merge_events(struct epoll_event *events, int count)
{
    int kept = 0;

    for (int i = 0; i < count; i++) {
        struct epoll_event *same = events;

        while (same < events + kept && (same->data.u64 != events[i].data.u64 ||
                                        !((same->events | events[i].events) & WRITABLE) ||
                                        (same->events & events[i].events)))
            same++;
        if (same == events + kept)
            events[kept++] = events[i];
        else
            same->events |= events[i].events;
    }
    return kept;
}

static int finish_wait(struct epoll_event *events, int n)
{
    return n > 1 && divert_any_writable_fd() ? merge_events(events, n) : n;
}

/* 1 if the kernel can wait without help, 0 if not, or -errno. */
static int prepare_epoll_wait(int epoll, bool waits)
{
    int err = check_instance(epoll);

    if (err || !waits || !divert_any_open())
        return err ? err : 1;
    return 0;
}

HOOK int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    int alone = prepare_epoll_wait(epoll, timeout != 0);

    if (alone > 0)
        return finish_wait(events, real.epoll_wait(epoll, events, max, timeout));
    if (!alone)
        alone = wait_epoll(epoll, events, max, wait_deadline_ms(timeout), NULL);
    return finish_wait(events, (int)as_result(alone));
}

HOOK int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout,
                     const sigset_t *mask)
{
    int alone = prepare_epoll_wait(epoll, timeout != 0);

    if (alone > 0)
        return finish_wait(events, real.epoll_pwait(epoll, events, max, timeout, mask));
    if (!alone)
        alone = wait_epoll(epoll, events, max, wait_deadline_ms(timeout), mask);
    return finish_wait(events, (int)as_result(alone));
}

HOOK int epoll_pwait2(int epoll, struct epoll_event *events, int max,
                      const struct timespec *timeout, const sigset_t *mask)
{
    bool waits = !timeout || timeout->tv_sec || timeout->tv_nsec;
    int alone = prepare_epoll_wait(epoll, waits && wait_timeout_valid(timeout));

    if (alone > 0)
        return finish_wait(events, real.epoll_pwait2(epoll, events, max, timeout, mask));
    if (!alone)
        alone = wait_epoll(epoll, events, max, wait_deadline(timeout), mask);
    return finish_wait(events, (int)as_result(alone));
}
