/* SPDX-License-Identifier: BSD-2-Clause */
#include "watch.h"

#include "divert/divert.h"
#include "process/safe_lock.h"
#include "real.h"

#include <errno.h>

#define NESTING_MAX 5 /* instances in instances, as in the kernel */

struct watch {
    int epoll;
    int fd;
    struct divert_socket *socket; /* NULL: fd is an epoll instance itself */
    struct epoll_event event;     /* as the program gave it */
    bool used;
    bool shared; /* another process may have the instance: fork() */
};

_Atomic uint64_t watch_bits[FDTABLE_MAX / 64];
_Atomic unsigned watch_count;

static struct watch table[WATCH_MAX];
static struct safe_lock lock = SAFE_LOCK_INITIALIZER;

static struct watch *find(int epoll, int fd)
{
    for (int i = 0; i < WATCH_MAX; i++) {
        if (table[i].used && table[i].epoll == epoll && table[i].fd == fd)
            return &table[i];
    }
    return NULL;
}

static struct watch *find_unused(void)
{
    for (int i = 0; i < WATCH_MAX; i++) {
        if (!table[i].used)
            return &table[i];
    }
    return NULL;
}

static bool watches_any(int epoll)
{
    for (int i = 0; i < WATCH_MAX; i++) {
        if (table[i].used && table[i].epoll == epoll)
            return true;
    }
    return false;
}

static void set_bit(int epoll, bool on)
{
    uint64_t bit = UINT64_C(1) << (epoll % 64);

    if (on)
        atomic_fetch_or(&watch_bits[epoll / 64], bit);
    else
        atomic_fetch_and(&watch_bits[epoll / 64], ~bit);
}

static void take_out(struct watch *w)
{
    if (w->socket)
        divert_watch(w->socket, false);
    w->used = false;
    atomic_fetch_sub(&watch_count, 1);
    if (!watches_any(w->epoll))
        set_bit(w->epoll, false);
}

/* An eventfd knows no EPOLLRDNORM: the kernel is asked for what comes to the same. */
static int control(int epoll, int op, int fd, struct epoll_event *event)
{
    struct epoll_event own;

    if (!event || op == EPOLL_CTL_DEL)
        return real.epoll_ctl(epoll, op, fd, event) < 0 ? -errno : 0;
    own = *event;
    if (own.events & EPOLLRDNORM)
        own.events |= EPOLLIN;
    if (own.events & EPOLLWRNORM)
        own.events |= EPOLLOUT;
    return real.epoll_ctl(epoll, op, fd, &own) < 0 ? -errno : 0;
}

static void put_in(struct watch *unused, const struct watch *w)
{
    *unused = *w;
    atomic_fetch_add(&watch_count, 1);
    set_bit(w->epoll, true);
    if (w->socket)
        divert_watch(w->socket, true);
}

static int add(int epoll, int fd, struct epoll_event *event, struct divert_socket *s)
{
    struct watch *unused = find_unused();
    int err;

    if (!unused || (unsigned)epoll >= FDTABLE_MAX)
        return -ENOSPC;
    err = control(epoll, EPOLL_CTL_ADD, fd, event);
    if (err)
        return err;
    put_in(unused, &(struct watch){epoll, fd, s, *event, .used = true});
    return 0;
}

static int change(int epoll, int op, int fd, struct epoll_event *event)
{
    struct watch *w = find(epoll, fd);
    int err = control(epoll, op, fd, event);

    if (err || !w)
        return err;
    if (op == EPOLL_CTL_DEL)
        take_out(w);
    else
        w->event = *event;
    return 0;
}

int watch_control(int epoll, int op, int fd, struct epoll_event *event, struct divert_socket *s)
{
    int err;

    safe_lock(&lock);
    if (op == EPOLL_CTL_ADD)
        err = add(epoll, fd, event, s);
    else
        err = change(epoll, op, fd, event);
    safe_unlock(&lock);
    return err;
}

static size_t collect(int epoll, struct divert_socket **sockets, size_t count, size_t max,
                      int depth)
{
    for (int i = 0; i < WATCH_MAX && count < max; i++) {
        const struct watch *w = &table[i];

        if (!w->used || w->epoll != epoll)
            continue;
        if (w->socket)
            sockets[count++] = divert_hold(w->socket);
        else if (depth < NESTING_MAX)
            count = collect(w->fd, sockets, count, max, depth + 1);
    }
    return count;
}

size_t watch_sockets(int epoll, struct divert_socket **sockets, size_t max)
{
    size_t count;

    safe_lock(&lock);
    count = collect(epoll, sockets, 0, max, 0);
    safe_unlock(&lock);
    return count;
}

static void translate(const struct watch *w, struct epoll_event *event)
{
    uint32_t asked = w->event.events, got = event->events;

    if ((got & EPOLLIN) && (asked & EPOLLRDNORM))
        got |= EPOLLRDNORM;
    if ((got & EPOLLOUT) && (asked & EPOLLWRNORM))
        got |= EPOLLWRNORM;
    event->events = got & (asked | EPOLLERR | EPOLLHUP);
}

void watch_translate(int epoll, struct epoll_event *events, int count)
{
    safe_lock(&lock);
    for (int i = 0; i < WATCH_MAX; i++) {
        const struct watch *w = &table[i];

        if (!w->used || w->epoll != epoll || !w->socket ||
            !(w->event.events & (EPOLLRDNORM | EPOLLWRNORM)))
            continue;
        for (int n = 0; n < count; n++) {
            if (events[n].data.u64 == w->event.data.u64)
                translate(w, &events[n]);
        }
    }
    safe_unlock(&lock);
}

void watch_copy(int from, int to)
{
    if ((unsigned)to >= FDTABLE_MAX)
        return;
    safe_lock(&lock);
    for (int i = 0; i < WATCH_MAX; i++) {
        struct watch copy = table[i], *unused = find_unused();

        if (!copy.used || copy.epoll != from || !unused)
            continue;
        copy.epoll = to;
        put_in(unused, &copy);
    }
    safe_unlock(&lock);
}

/*
 * A copy of the eventfd, our own too, would keep it in the kernel's list after the program's is
 * closed. But what another process shares is not ours to change.
 */
void watch_forget(int fd)
{
    if (atomic_load_explicit(&watch_count, memory_order_relaxed) == 0)
        return;
    safe_lock(&lock);
    for (int i = 0; i < WATCH_MAX; i++) {
        struct watch *w = &table[i];

        if (!w->used || (w->fd != fd && w->epoll != fd))
            continue;
        if (w->fd == fd && !w->shared)
            real.epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
        take_out(w);
    }
    safe_unlock(&lock);
}

void watch_before_fork(void)
{
    safe_lock(&lock);
}

/* The child inherits the instances: each socket has one more that watches it. */
void watch_after_fork(bool child)
{
    for (int i = 0; i < WATCH_MAX; i++) {
        table[i].shared = table[i].used;
        if (child && table[i].used && table[i].socket)
            divert_watch(table[i].socket, true);
    }
    safe_unlock(&lock);
}
