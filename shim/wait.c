/* SPDX-License-Identifier: BSD-2-Clause */
#include "wait.h"

#include "divert/divert.h"
#include "fdtable.h"
#include "flusher.h"
#include "netif/interfaces.h"
#include "real.h"
#include "util/clock.h"
#include "watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define ON_STACK   128       /* descriptors that need no mapping */
#define INSIDE_MAX WATCH_MAX /* divert sockets inside of epoll instances */

/*
 * For so long a socket with packets at hand keeps the kernel from being asked for those of other
 * sockets: as if they had come a moment later.
 */
#define PATIENCE_NS 50000

static const short readable = POLLIN | POLLRDNORM;

static __thread uint64_t asked_at; /* the kernel, by this thread */

/* One wait: what the program asked for, and what is really polled in its place. */
struct wait {
    struct pollfd *asked;
    nfds_t count;
    struct divert_socket **socket; /* of each of them, NULL for others */
    struct pollfd *polled;         /* the others in their places, then ours, then interfaces */
    nfds_t polled_count;
    nfds_t others;  /* descriptors that are not ours */
    size_t insides; /* sockets that others watch, being epoll instances */
    struct divert_socket *inside[INSIDE_MAX];
    bool waiting;  /* divert_wait_begin() was called */
    size_t mapped; /* bytes of the mapping that socket starts, 0 for the stack */
};

uint64_t wait_deadline_ms(int timeout)
{
    if (timeout < 0)
        return DIVERT_NEVER;
    return timeout ? clock_exact_ns() + (uint64_t)timeout * NS_PER_MS : 0;
}

uint64_t wait_deadline(const struct timespec *timeout)
{
    if (!timeout)
        return DIVERT_NEVER;
    if (timeout->tv_sec == 0 && timeout->tv_nsec == 0)
        return 0;
    return clock_exact_ns() + (uint64_t)timeout->tv_sec * NS_PER_SEC + (uint64_t)timeout->tv_nsec;
}

/* Whether the program wants to know when a socket becomes readable. */
static bool wants_packets(const struct wait *w, nfds_t i)
{
    return w->socket[i] && (w->asked[i].events & readable);
}

/*
 * A socket inside of an epoll instance speaks through its eventfd, which the instance watches; we
 * only have to know of packets in the kernel, and not as long as there are some at hand.
 */
static void begin_inside(struct wait *w, struct divert_socket *s)
{
    struct pollfd fds[DIVERT_WAIT_FDS];

    divert_wait_begin(s, fds);
    fds[0].events = divert_buffered(s) ? 0 : POLLIN;
    w->polled[w->polled_count++] = fds[0];
}

static void begin(struct wait *w)
{
    w->polled_count = w->count;
    for (nfds_t i = 0; i < w->count; i++) {
        if (!wants_packets(w, i))
            continue;
        divert_wait_begin(w->socket[i], &w->polled[w->polled_count]);
        w->polled_count += DIVERT_WAIT_FDS;
    }
    for (size_t i = 0; i < w->insides; i++)
        begin_inside(w, w->inside[i]);
    w->polled[w->polled_count++] = (struct pollfd){.fd = interfaces_watch_fd(), .events = POLLIN};
    w->waiting = true;
}

static void end(struct wait *w)
{
    if (!w->waiting)
        return;
    w->waiting = false;
    for (nfds_t i = 0; i < w->count; i++) {
        if (wants_packets(w, i))
            divert_wait_end(w->socket[i]);
    }
    for (size_t i = 0; i < w->insides; i++)
        divert_wait_end(w->inside[i]);
}

static void release(void *arg)
{
    struct wait *w = arg;

    end(w);
    for (nfds_t i = 0; i < w->count; i++) {
        if (w->socket[i])
            divert_release(w->socket[i]);
    }
    for (size_t i = 0; i < w->insides; i++)
        divert_release(w->inside[i]);
    if (w->mapped)
        munmap(w->socket, w->mapped);
}

static int ready_sockets(struct wait *w)
{
    int ready = 0;

    for (nfds_t i = 0; i < w->count; i++) {
        if (!w->socket[i])
            continue;
        w->asked[i].revents = divert_events_buffered(w->socket[i], w->asked[i].events);
        ready += w->asked[i].revents != 0;
    }
    return ready;
}

static bool packets_inside(struct wait *w)
{
    bool any = false;

    for (size_t i = 0; i < w->insides; i++)
        any |= divert_buffered(w->inside[i]);
    return any;
}

/*
 * Takes packets from the kernel for those sockets that the system has called readable, in the order
 * of begin(); or if it called none, drops what is overdue of all.
 */
static void pump_sockets(struct wait *w, bool all)
{
    const struct pollfd *p = &w->polled[w->count];

    for (nfds_t i = 0; i < w->count; i++) {
        if (!wants_packets(w, i)) {
            if (all && w->socket[i])
                divert_events(w->socket[i], POLLIN);
            continue;
        }
        if (all || p[0].revents || p[1].revents)
            divert_events(w->socket[i], POLLIN);
        p += DIVERT_WAIT_FDS;
    }
    for (size_t i = 0; i < w->insides; i++) {
        if (all || p[i].revents)
            divert_events(w->inside[i], POLLIN);
    }
}

static uint64_t earlier(struct divert_socket *s, uint64_t deadline)
{
    uint64_t own = divert_deadline(s);

    return own < deadline ? own : deadline;
}

static uint64_t earliest(struct wait *w, uint64_t deadline)
{
    for (nfds_t i = 0; i < w->count; i++) {
        if (w->socket[i])
            deadline = earlier(w->socket[i], deadline);
    }
    for (size_t i = 0; i < w->insides; i++)
        deadline = earlier(w->inside[i], deadline);
    return deadline;
}

static int poll_until(struct wait *w, uint64_t deadline, const sigset_t *mask)
{
    uint64_t now = deadline == DIVERT_NEVER || deadline == 0 ? 0 : clock_exact_ns();
    uint64_t left = deadline > now ? deadline - now : 0;
    struct timespec timeout = {(time_t)(left / NS_PER_SEC), (long)(left % NS_PER_SEC)};
    int n =
        real.ppoll(w->polled, w->polled_count, deadline == DIVERT_NEVER ? NULL : &timeout, mask);

    if (n < 0)
        return -errno;
    if (w->count > 1)
        asked_at = clock_exact_ns();
    return n;
}

static int ready_others(struct wait *w)
{
    int ready = 0;

    for (nfds_t i = 0; i < w->count; i++) {
        if (w->socket[i])
            continue;
        w->asked[i].revents = w->polled[i].revents;
        ready += w->asked[i].revents != 0;
    }
    return ready;
}

/* Whether only the system can tell of a socket's packets. */
static bool is_unknown(const struct wait *w, nfds_t i)
{
    return wants_packets(w, i) && !(w->asked[i].revents & readable);
}

static bool any_unknown(const struct wait *w)
{
    for (nfds_t i = 0; i < w->count; i++) {
        if (is_unknown(w, i))
            return true;
    }
    return w->insides > 0;
}

static bool asked_lately(void)
{
    return clock_exact_ns() - asked_at < PATIENCE_NS;
}

static struct pollfd kernel_side(struct divert_socket *s, bool ask)
{
    return (struct pollfd){.fd = ask ? divert_kernel_fd(s) : -1, .events = POLLIN};
}

/* What begin() lays out, for a look that waits for nothing: nobody needs to wake us. */
static void lay_out(struct wait *w)
{
    w->polled_count = w->count;
    for (nfds_t i = 0; i < w->count; i++) {
        if (!wants_packets(w, i))
            continue;
        w->polled[w->polled_count++] = kernel_side(w->socket[i], is_unknown(w, i));
        w->polled[w->polled_count++] = kernel_side(w->socket[i], false);
    }
    for (size_t i = 0; i < w->insides; i++)
        w->polled[w->polled_count++] = kernel_side(w->inside[i], !divert_buffered(w->inside[i]));
}

/*
 * What is ready now. The system is asked as far as it alone knows, but for nothing if all that was
 * asked for is at hand, or if there is nothing yet and one is going to wait.
 */
static int look(struct wait *w, const sigset_t *mask)
{
    int ready = ready_sockets(w), n;
    bool inside = packets_inside(w);

    if (!ready && !inside)
        return 0;
    if (!w->others && !mask && (!any_unknown(w) || asked_lately()))
        return ready;
    lay_out(w);
    n = poll_until(w, 0, mask);
    if (n < 0)
        return n;
    pump_sockets(w, false);
    return ready_sockets(w) + ready_others(w);
}

static int wait_round(struct wait *w, uint64_t deadline, const sigset_t *mask)
{
    int n;

    begin(w);
    flusher_before_wait();
    n = poll_until(w, earliest(w, deadline), mask);
    end(w); /* before packets are at hand, of which nobody else need be told */
    if (n >= 0) {
        interfaces_polled(w->polled[w->polled_count - 1].revents != 0);
        pump_sockets(w, n == 0);
    }
    return n < 0 ? n : ready_others(w);
}

static int run(struct wait *w, uint64_t deadline, const sigset_t *mask)
{
    for (;;) {
        int n = look(w, mask);

        if (n)
            return n;
        n = wait_round(w, deadline, mask);
        if (n < 0)
            return n;
        n += ready_sockets(w);
        if (n || deadline == 0 || (deadline != DIVERT_NEVER && clock_exact_ns() >= deadline))
            return n;
    }
}

/* A thread that is cancelled while it waits leaves nothing behind. */
static int run_and_release(struct wait *w, uint64_t deadline, const sigset_t *mask)
{
    int n;

    pthread_cleanup_push(release, w);
    n = run(w, deadline, mask);
    pthread_cleanup_pop(1);
    return n;
}

static void fill(struct wait *w, void *room)
{
    w->socket = room;
    w->polled = (struct pollfd *)(w->socket + w->count);
    for (nfds_t i = 0; i < w->count; i++) {
        w->asked[i].revents = 0;
        w->socket[i] = fdtable_find(w->asked[i].fd);
        w->polled[i] = w->asked[i];
        if (w->socket[i])
            w->polled[i].fd = -1;
        else
            w->others++;
        if (watch_has(w->asked[i].fd))
            w->insides +=
                watch_sockets(w->asked[i].fd, w->inside + w->insides, INSIDE_MAX - w->insides);
    }
}

/* How much room the lists of a struct wait take. */
#define ROOM_FOR(count)                         \
    ((count) * sizeof(struct divert_socket *) + \
     ((count) * (1 + DIVERT_WAIT_FDS) + INSIDE_MAX + 1) * sizeof(struct pollfd))

static void *map(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int wait_poll(struct pollfd *fds, nfds_t count, uint64_t deadline, const sigset_t *mask)
{
    struct wait w = {.asked = fds, .count = count};
    char stack[ROOM_FOR(ON_STACK)] __attribute__((aligned(8)));
    void *room = stack;

    if (count > ON_STACK) {
        w.mapped = ROOM_FOR(count);
        room = map(w.mapped);
        if (room == MAP_FAILED)
            return -ENOMEM;
    }
    fill(&w, room);
    return run_and_release(&w, deadline, mask);
}

/*
 * Sets reach as far as nfds says, which may be past the end of an fd_set: programs with many
 * descriptors allocate longer ones, and the kernel takes them.
 */
static fd_mask *set_word(fd_set *set, int fd)
{
    return (fd_mask *)(void *)set + fd / NFDBITS;
}

static bool in_set(int fd, fd_set *set)
{
    return set && (*set_word(set, fd) >> (fd % NFDBITS) & 1);
}

static int put_in_set(int fd, fd_set *set, bool in)
{
    if (in)
        *set_word(set, fd) |= (fd_mask)(1UL << (fd % NFDBITS));
    return in;
}

static void clear_set(int nfds, fd_set *set)
{
    if (set)
        memset(set, 0, (size_t)(nfds + NFDBITS - 1) / NFDBITS * sizeof(fd_mask));
}

/* The descriptors of one word of the sets, those from first on, that are in any of them. */
static unsigned long in_any_set(int first, int nfds, fd_set *r, fd_set *w, fd_set *e)
{
    unsigned long any = 0;

    any |= r ? (unsigned long)*set_word(r, first) : 0;
    any |= w ? (unsigned long)*set_word(w, first) : 0;
    any |= e ? (unsigned long)*set_word(e, first) : 0;
    return nfds - first < NFDBITS ? any & ((1UL << (nfds - first)) - 1) : any;
}

static nfds_t count_in_sets(int nfds, fd_set *r, fd_set *w, fd_set *e)
{
    nfds_t count = 0;

    for (int first = 0; first < nfds; first += NFDBITS)
        count += (nfds_t)__builtin_popcountl(in_any_set(first, nfds, r, w, e));
    return count;
}

static void sets_to_list(int nfds, fd_set *r, fd_set *w, fd_set *e, struct pollfd *list)
{
    for (int first = 0; first < nfds; first += NFDBITS) {
        unsigned long any = in_any_set(first, nfds, r, w, e);

        for (; any; any &= any - 1, list++) {
            list->fd = first + __builtin_ctzl(any);
            list->events =
                (short)((in_set(list->fd, r) ? POLLIN : 0) | (in_set(list->fd, w) ? POLLOUT : 0) |
                        (in_set(list->fd, e) ? POLLPRI : 0));
        }
    }
}

/* What select(2) calls readable, writable and exceptional, as the kernel maps poll's events. */
static int list_to_sets(const struct pollfd *list, nfds_t count, fd_set *r, fd_set *w, fd_set *e)
{
    int bits = 0;

    for (nfds_t i = 0; i < count; i++) {
        short asked = list[i].events, got = list[i].revents;

        bits += (asked & POLLIN) && put_in_set(list[i].fd, r, got & (POLLIN | POLLHUP | POLLERR));
        bits += (asked & POLLOUT) && put_in_set(list[i].fd, w, got & (POLLOUT | POLLERR));
        bits += (asked & POLLPRI) && put_in_set(list[i].fd, e, got & POLLPRI);
    }
    return bits;
}

static bool has_bad(const struct pollfd *list, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++) {
        if (list[i].revents & POLLNVAL)
            return true;
    }
    return false;
}

static int select_in(struct pollfd *list, nfds_t count, int nfds, fd_set *r, fd_set *w, fd_set *e,
                     uint64_t deadline, const sigset_t *mask)
{
    int n;

    sets_to_list(nfds, r, w, e, list);
    n = wait_poll(list, count, deadline, mask);
    if (n < 0)
        return n;
    if (has_bad(list, count))
        return -EBADF;
    clear_set(nfds, r);
    clear_set(nfds, w);
    clear_set(nfds, e);
    return list_to_sets(list, count, r, w, e);
}

int wait_select(int nfds, fd_set *r, fd_set *w, fd_set *e, uint64_t deadline, const sigset_t *mask)
{
    struct pollfd stack[ON_STACK], *list = stack;
    nfds_t count = count_in_sets(nfds, r, w, e);
    size_t size = count * sizeof(*list);
    int n;

    if (count > ON_STACK) {
        list = map(size);
        if (list == MAP_FAILED)
            return -ENOMEM;
    }
    n = select_in(list, count, nfds, r, w, e, deadline, mask);
    if (count > ON_STACK)
        munmap(list, size);
    return n;
}

int wait_epoll(int epoll, struct epoll_event *events, int max, uint64_t deadline,
               const sigset_t *mask)
{
    for (;;) {
        struct pollfd p = {.fd = epoll, .events = POLLIN};
        int n = wait_poll(&p, 1, deadline, mask);

        if (n <= 0)
            return n;
        n = real.epoll_wait(epoll, events, max, 0);
        if (n > 0)
            watch_translate(epoll, events, n);
        if (n)
            return n < 0 ? -errno : n;
    }
}
