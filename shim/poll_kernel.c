/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting in the kernel: by poll(2), or by select(2) where that is refused. */
#include "poll_kernel.h"

#include "divert/divert.h"
#include "fd_sets.h"
#include "netif/interfaces.h"
#include "real.h"
#include "util/clock.h"

#include <errno.h>
#include <string.h>

#define ON_STACK 64 /* descriptors that the copied list has room for */

static const short readable = POLLIN | POLLRDNORM;
static const short writable = POLLOUT | POLLWRNORM;

/* The timeout for ppoll(2) and pselect(2); left is the room for it. */
static const struct timespec *time_until(uint64_t deadline, struct timespec *left)
{
    uint64_t now = deadline == DIVERT_NEVER || deadline == 0 ? 0 : clock_exact_ns();
    uint64_t ns = deadline > now ? deadline - now : 0;

    *left = (struct timespec){(time_t)(ns / NS_PER_SEC), (long)(ns % NS_PER_SEC)};
    return deadline == DIVERT_NEVER ? NULL : left;
}

static int poll_until(struct pollfd *fds, nfds_t count, uint64_t deadline, const sigset_t *mask)
{
    struct timespec left;
    int n = real.ppoll(fds, count, time_until(deadline, &left), mask);

    return n < 0 ? -errno : n;
}

/*
 * Appends the socket that reports changes of interfaces to the list, which saves the next reader a
 * system call.
 */
static int poll_with_reports(struct pollfd *fds, nfds_t count, uint64_t deadline,
                             const sigset_t *mask)
{
    struct pollfd copy[ON_STACK + 1];
    int n;

    memcpy(copy, fds, count * sizeof(*fds));
    copy[count] = (struct pollfd){.fd = interfaces_watch_fd(), .events = POLLIN};
    n = poll_until(copy, count + 1, deadline, mask);
    if (n < 0)
        return n;
    memcpy(fds, copy, count * sizeof(*fds));
    interfaces_polled(copy[count].revents != 0);
    return n - (copy[count].revents != 0);
}

#define SELECT_MAX 8192 /* descriptors that fit in the sets, as private ones do */

struct select_sets {
    fd_mask readable[SELECT_MAX / NFDBITS], writable[SELECT_MAX / NFDBITS],
        urgent[SELECT_MAX / NFDBITS];
};

static fd_set *as_set(fd_mask *words)
{
    return (fd_set *)(void *)words;
}

/* Returns what select(2) calls nfds, or -EINVAL. */
static int events_to_sets(const struct pollfd *fds, nfds_t count, struct select_sets *sets)
{
    int nfds = 0;

    for (nfds_t i = 0; i < count; i++) {
        int fd = fds[i].fd;

        if (fd >= SELECT_MAX)
            return -EINVAL;
        if (fd < 0)
            continue;
        put_in_set(fd, as_set(sets->readable), fds[i].events & readable);
        put_in_set(fd, as_set(sets->writable), fds[i].events & writable);
        put_in_set(fd, as_set(sets->urgent), fds[i].events & POLLPRI);
        nfds = fd < nfds ? nfds : fd + 1;
    }
    return nfds;
}

static short events_in_sets(int fd, struct select_sets *sets)
{
    if (fd < 0)
        return 0;
    return (short)((in_set(fd, as_set(sets->readable)) ? readable : 0) |
                   (in_set(fd, as_set(sets->writable)) ? writable : 0) |
                   (in_set(fd, as_set(sets->urgent)) ? POLLPRI : 0));
}

/*
 * select(2) instead of poll(2). A function of its own, since it uses more stack than its caller
 * should.
 */
__attribute__((noinline)) static int select_until(struct pollfd *fds, nfds_t count,
                                                  uint64_t deadline, const sigset_t *mask)
{
    struct select_sets sets = {0};
    struct timespec left;
    int nfds = events_to_sets(fds, count, &sets), ready = 0;

    if (nfds < 0)
        return nfds;
    if (real.pselect(nfds, as_set(sets.readable), as_set(sets.writable), as_set(sets.urgent),
                     time_until(deadline, &left), mask) < 0)
        return -errno;
    for (nfds_t i = 0; i < count; i++) {
        fds[i].revents = fds[i].events & events_in_sets(fds[i].fd, &sets);
        ready += fds[i].revents != 0;
    }
    return ready;
}

/*
 * The verdict timer may expire in here: poll(2) is restarted then, epoll_wait(2) is not. poll(2)
 * refuses more descriptors than RLIMIT_NOFILE, which may be 0; select(2) does not.
 */
int poll_kernel(struct pollfd *fds, nfds_t count, uint64_t deadline, const sigset_t *mask)
{
    int n = count <= ON_STACK ? poll_with_reports(fds, count, deadline, mask)
                              : poll_until(fds, count, deadline, mask);

    if (n == -EINVAL)
        n = select_until(fds, count, deadline, mask);
    return n;
}
