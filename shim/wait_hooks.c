/* SPDX-License-Identifier: BSD-2-Clause */
/* Hooks of poll(2), select(2) and their kin. */
#include "hook.h"

#include "util/clock.h"
#include "wait.h"

#include <stdbool.h>
#include <string.h>

static bool find_in_list(const struct pollfd *fds, nfds_t count)
{
    if (atomic_load_explicit(&fdtable_count, memory_order_relaxed) == 0)
        return false;
    for (nfds_t i = 0; i < count; i++) {
        if (fdtable_kind(fds[i].fd) == FD_DIVERT)
            return true;
    }
    return false;
}

static bool any_in_list(const struct pollfd *fds, nfds_t count)
{
    bool any = find_in_list(fds, count);

    if (!any)
        divert_before_foreign_wait();
    return any;
}

/*
 * The common case: one descriptor, with packets already taken from the kernel. Then neither the
 * kernel nor the clock need be asked.
 */
static bool has_packet(int fd)
{
    struct divert_socket *s = divert_find(fd);
    bool any = s && divert_buffered(s);

    if (s)
        divert_release(s);
    return any;
}

static bool only_one_is_ready(struct pollfd *fds, nfds_t count)
{
    if (count != 1 || fds->events != POLLIN || !has_packet(fds->fd))
        return false;
    pthread_testcancel();
    fds->revents = POLLIN;
    return true;
}

HOOK int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    if (!any_in_list(fds, count))
        return real.poll(fds, count, timeout);
    if (only_one_is_ready(fds, count))
        return 1;
    return (int)as_result(wait_poll(fds, count, wait_deadline_ms(timeout), NULL));
}

HOOK int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
    if (room / sizeof(*fds) < count || !any_in_list(fds, count))
        return real.__poll_chk(fds, count, timeout, room);
    if (only_one_is_ready(fds, count))
        return 1;
    return (int)as_result(wait_poll(fds, count, wait_deadline_ms(timeout), NULL));
}

HOOK int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
               const sigset_t *mask)
{
    if (!any_in_list(fds, count) || !wait_timeout_valid(timeout))
        return real.ppoll(fds, count, timeout, mask);
    return (int)as_result(wait_poll(fds, count, wait_deadline(timeout), mask));
}

HOOK int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                     const sigset_t *mask, size_t room)
{
    if (room / sizeof(*fds) < count || !any_in_list(fds, count) || !wait_timeout_valid(timeout))
        return real.__ppoll_chk(fds, count, timeout, mask, room);
    return (int)as_result(wait_poll(fds, count, wait_deadline(timeout), mask));
}

/* A set may be longer than fd_set, as far as nfds reaches; the kernel reads whole words. */
static bool any_in_set(int nfds, const fd_set *set)
{
    if (!set)
        return false;
    for (int first = 0; first < nfds; first += NFDBITS) {
        uint64_t special = fdtable_word(first) >> (first % 64); /* a word has 32 bits or 64 */
        int left = nfds - first;

        if (left < NFDBITS)
            special &= (UINT64_C(1) << left) - 1;
        special &= (unsigned long)((const fd_mask *)(const void *)set)[first / NFDBITS];
        for (; special; special &= special - 1) {
            if (fdtable_kind(first + __builtin_ctzll(special)) == FD_DIVERT)
                return true;
        }
    }
    return false;
}

static bool find_in_sets(int nfds, const fd_set *r, const fd_set *w, const fd_set *e)
{
    if (atomic_load_explicit(&fdtable_count, memory_order_relaxed) == 0 || nfds > FDTABLE_MAX)
        return false;
    return any_in_set(nfds, r) || any_in_set(nfds, w) || any_in_set(nfds, e);
}

static bool any_in_sets(int nfds, const fd_set *r, const fd_set *w, const fd_set *e)
{
    bool any = find_in_sets(nfds, r, w, e);

    if (!any)
        divert_before_foreign_wait();
    return any;
}

/* Linux writes the remaining time to the timeout. */
static void leave_rest(struct timeval *timeout, uint64_t deadline)
{
    uint64_t now = clock_exact_ns(), rest = deadline > now ? deadline - now : 0;

    timeout->tv_sec = (time_t)(rest / NS_PER_SEC);
    timeout->tv_usec = (suseconds_t)(rest % NS_PER_SEC / 1000);
}

#define US_PER_SEC 1000000

static int select_waiting(int nfds, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
    struct timespec time = {timeout->tv_sec, timeout->tv_usec % US_PER_SEC * 1000};
    uint64_t deadline;
    int n;

    if (__builtin_add_overflow(timeout->tv_sec, timeout->tv_usec / US_PER_SEC, &time.tv_sec))
        time.tv_sec = timeout->tv_sec;
    deadline = wait_deadline(&time);
    n = wait_select(nfds, r, w, e, deadline, NULL);
    leave_rest(timeout, deadline);
    return n;
}

static bool is_empty(int nfds, const fd_set *set)
{
    for (int word = 0; set && word * NFDBITS < nfds; word++) {
        if (((const fd_mask *)(const void *)set)[word])
            return false;
    }
    return true;
}

static bool only_last_is_ready(int nfds, const fd_set *r, const fd_set *w, const fd_set *e)
{
    int last = nfds - 1, before = last / NFDBITS * NFDBITS;

    if (!r ||
        ((const fd_mask *)(const void *)r)[last / NFDBITS] != (fd_mask)(1UL << last % NFDBITS))
        return false;
    return is_empty(before, r) && is_empty(nfds, w) && is_empty(nfds, e) && has_packet(last);
}

HOOK int select(int nfds, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
    if (!any_in_sets(nfds, r, w, e))
        return real.select(nfds, r, w, e, timeout);
    if (only_last_is_ready(nfds, r, w, e)) {
        pthread_testcancel();
        return 1;
    }
    if (!timeout)
        return (int)as_result(wait_select(nfds, r, w, e, DIVERT_NEVER, NULL));
    if (timeout->tv_sec < 0 || timeout->tv_usec < 0)
        return (int)as_result(-EINVAL);
    if (timeout->tv_sec == 0 && timeout->tv_usec == 0)
        return (int)as_result(wait_select(nfds, r, w, e, 0, NULL));
    return (int)as_result(select_waiting(nfds, r, w, e, timeout));
}

HOOK int pselect(int nfds, fd_set *r, fd_set *w, fd_set *e, const struct timespec *timeout,
                 const sigset_t *mask)
{
    if (!any_in_sets(nfds, r, w, e) || !wait_timeout_valid(timeout))
        return real.pselect(nfds, r, w, e, timeout, mask);
    return (int)as_result(wait_select(nfds, r, w, e, wait_deadline(timeout), mask));
}

/* libc's other names for the same functions. */
HOOK int __poll(struct pollfd *fds, nfds_t count, int timeout) __attribute__((alias("poll")));
HOOK int __select(int nfds, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
    __attribute__((alias("select")));
