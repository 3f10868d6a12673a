/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for divert sockets and other descriptors at once. The kernel knows when a divert socket's
 * descriptor is readable. What is added here: packets in memory are reported without a system call,
 * nothing is reported that a read would not find, a socket is always writable, and overdue packets
 * are dropped in time.
 */
#include "wait.h"

#include "divert/divert.h"
#include "fd_sets.h"
#include "fdtable.h"
#include "poll_kernel.h"
#include "process/restart.h"
#include "real.h"
#include "util/clock.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define ON_STACK 64 /* descriptors that need no mapping */

/*
 * For so long a socket with packets at hand is reported without asking the kernel about other
 * sockets, as if their packets had come a moment later.
 */
#define OTHERS_WAIT_NS 50000

static const short readable = POLLIN | POLLRDNORM;

static __thread uint64_t asked_at; /* when this thread last asked the kernel; nanoseconds */

uint64_t wait_deadline_ms(int timeout)
{
    if (timeout < 0)
        return DIVERT_NEVER;
    return timeout ? clock_exact_ns() + (uint64_t)timeout * NS_PER_MS : 0;
}

bool wait_timeout_valid(const struct timespec *timeout)
{
    return !timeout || (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 &&
                        (uint64_t)timeout->tv_nsec < NS_PER_SEC);
}

uint64_t wait_deadline(const struct timespec *timeout)
{
    if (!timeout)
        return DIVERT_NEVER;
    if (timeout->tv_sec == 0 && timeout->tv_nsec == 0)
        return 0;
    if ((uint64_t)timeout->tv_sec > TIMEOUT_SECONDS_MAX)
        return DIVERT_NEVER;
    return clock_exact_ns() + (uint64_t)timeout->tv_sec * NS_PER_SEC + (uint64_t)timeout->tv_nsec;
}

/*
 * Sets the events of sockets that are known without the kernel. *all: these are all, so the kernel
 * need not be asked.
 */
static int look_in_memory(struct pollfd *fds, nfds_t count, bool *all)
{
    int ready = 0;

    *all = true;
    for (nfds_t i = 0; i < count; i++) {
        struct divert_socket *s = divert_find(fds[i].fd);

        fds[i].revents = 0;
        if (s) {
            fds[i].revents = divert_events_buffered(s, fds[i].events);
            divert_release(s);
            ready += fds[i].revents != 0;
        }
        *all &= s && (!(fds[i].events & readable) || (fds[i].revents & readable));
    }
    return ready;
}

static bool has_other_kind(const struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++) {
        if (fdtable_kind(fds[i].fd) != FD_DIVERT)
            return true;
    }
    return false;
}

/* Corrects what the kernel said about a socket where that is not enough. */
static void put_right(struct pollfd *p, struct divert_socket *s, bool timed_out)
{
    short kernel = p->revents & readable & p->events;

    if (timed_out)
        divert_expire(s);
    if (kernel && !divert_kernel_knows(s))
        p->revents = divert_events(s, p->events);
    else
        p->revents = kernel | divert_events_buffered(s, p->events);
}

static int count_ready(struct pollfd *fds, nfds_t count, bool timed_out)
{
    int ready = 0;

    for (nfds_t i = 0; i < count; i++) {
        struct divert_socket *s = divert_find(fds[i].fd);

        if (s) {
            put_right(&fds[i], s, timed_out);
            divert_release(s);
        }
        ready += fds[i].revents != 0;
    }
    return ready;
}

#define ASKED_FOR_US 0x4000 /* POLLIN; no event of poll(2) has this bit */

/* An epoll descriptor wakes for POLLIN only. */
static void ask_for_input(struct pollfd *p)
{
    if ((p->events & readable) == POLLRDNORM)
        p->events |= POLLIN | ASKED_FOR_US;
}

static void ask_as_before(struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++) {
        if (fds[i].events & ASKED_FOR_US)
            fds[i].events &= ~(POLLIN | ASKED_FOR_US);
    }
}

/* Returns when the wait must end so that overdue packets are dropped: at the deadline or before. */
static uint64_t prepare_wait(struct pollfd *fds, nfds_t count, uint64_t deadline)
{
    for (nfds_t i = 0; i < count; i++) {
        struct divert_socket *s = divert_find(fds[i].fd);
        uint64_t overdue = DIVERT_NEVER;

        if (s) {
            overdue = divert_prepare_wait(s);
            divert_release(s);
            ask_for_input(&fds[i]);
        }
        deadline = overdue < deadline ? overdue : deadline;
    }
    return deadline;
}

static bool has_passed(uint64_t deadline)
{
    return deadline == 0 || (deadline != DIVERT_NEVER && clock_exact_ns() >= deadline);
}

int wait_poll(struct pollfd *fds, nfds_t count, uint64_t deadline, const sigset_t *mask)
{
    pthread_testcancel();
    for (;;) {
        bool all;
        int ready = look_in_memory(fds, count, &all), n;
        uint64_t until = 0;

        if (ready && !mask &&
            (all || (!has_other_kind(fds, count) && clock_exact_ns() - asked_at < OTHERS_WAIT_NS)))
            return ready;
        if (!ready && deadline)
            until = prepare_wait(fds, count, deadline);
        n = poll_kernel(fds, count, until, mask);
        if (until)
            ask_as_before(fds, count);
        if (n < 0)
            return n;
        if (count > 1)
            asked_at = clock_exact_ns();
        n = count_ready(fds, count, n == 0);
        if (n || has_passed(deadline))
            return n;
    }
}

/* signals is restart_fd(); *told says whether it was readable, and the wait interrupted by that. */
static int wait_for_kernel(struct divert_socket *s, uint64_t deadline, int signals, bool *told)
{
    struct pollfd fds[] = {{.fd = divert_epoll_fd(s), .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};
    int n;

    pthread_cleanup_push(divert_give_up, s);
    n = poll_kernel(fds, 2, deadline, NULL);
    pthread_cleanup_pop(0);
    *told = n > 0 && !fds[0].revents;
    return *told ? -EINTR : n;
}

int wait_readable(struct divert_socket *s, uint64_t deadline)
{
    unsigned id_changes = privileges_id_changes();
    bool restarts = deadline == DIVERT_NEVER;

    while (!divert_buffered(s)) {
        uint64_t until = divert_prepare_wait(s);
        int signals = restarts ? restart_fd() : -1, n;
        bool told;

        n = wait_for_kernel(s, until < deadline ? until : deadline, signals, &told);
        if (n < 0)
            return n == -EINTR && restarts && restart_wanted(id_changes, told) ? 0 : n;
        if (n > 0) /* the read reports an error, too */
            return 0;
        divert_expire(s);
        if (has_passed(deadline))
            return -EAGAIN;
    }
    return 0;
}

static void clear_set(int nfds, fd_set *set)
{
    if (set)
        memset(set, 0, (size_t)(nfds + NFDBITS - 1) / NFDBITS * sizeof(fd_mask));
}

/* The descriptors in one word of the sets, from first on, that are in any of them. */
static unsigned long in_any_set(int first, int nfds, fd_set *r, fd_set *w, fd_set *e)
{
    unsigned long any = 0;

    any |= r ? (unsigned long)*fd_set_word(r, first) : 0;
    any |= w ? (unsigned long)*fd_set_word(w, first) : 0;
    any |= e ? (unsigned long)*fd_set_word(e, first) : 0;
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

/* Maps the events of poll(2) to readable, writable and exceptional, as the kernel does. */
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

static void *map_list(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int wait_select(int nfds, fd_set *r, fd_set *w, fd_set *e, uint64_t deadline, const sigset_t *mask)
{
    struct pollfd stack[ON_STACK] = {0}, *list = stack;
    nfds_t count = count_in_sets(nfds, r, w, e);
    size_t size = count * sizeof(*list);
    int n;

    if (count > ON_STACK) {
        list = map_list(size);
        if (list == MAP_FAILED)
            return -ENOMEM;
    }
    n = select_in(list, count, nfds, r, w, e, deadline, mask);
    if (count > ON_STACK)
        munmap(list, size);
    return n;
}

/*
 * The kernel reports both siblings readable when a packet comes for either. So it is asked in a way
 * that uses up no event, and packets are handed to their sockets before events are taken.
 */
static int wait_and_sort(int epoll, struct epoll_event *events, int max, uint64_t deadline,
                         const sigset_t *mask)
{
    struct pollfd p = {.fd = epoll, .events = POLLIN};
    int n = poll_kernel(&p, 1, deadline, mask);

    if (n <= 0)
        return n;
    divert_sort_siblings();
    n = real.epoll_wait(epoll, events, max, 0);
    return n < 0 ? -errno : n;
}

static int milliseconds_until(uint64_t deadline)
{
    uint64_t now = clock_exact_ns(), left;

    if (deadline == DIVERT_NEVER)
        return -1;
    left = deadline > now ? (deadline - now + NS_PER_MS - 1) / NS_PER_MS : 0;
    return left < INT_MAX ? (int)left : INT_MAX;
}

static int wait_in_kernel(int epoll, struct epoll_event *events, int max, uint64_t deadline,
                          const sigset_t *mask)
{
    int n = real.epoll_pwait(epoll, events, max, milliseconds_until(deadline), mask);

    return n < 0 ? -errno : n;
}

/* The kernel waits, but only until a packet is overdue. */
int wait_epoll(int epoll, struct epoll_event *events, int max, uint64_t deadline,
               const sigset_t *mask)
{
    for (;;) {
        uint64_t overdue = divert_prepare_wait_all(),
                 until = overdue < deadline ? overdue : deadline;
        int n;

        divert_before_foreign_wait();
        n = divert_any_sibling() ? wait_and_sort(epoll, events, max, until, mask)
                                 : wait_in_kernel(epoll, events, max, until, mask);

        if (n == 0)
            divert_expire_all();
        if (n || has_passed(deadline))
            return n;
    }
}
