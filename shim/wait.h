/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for divert sockets and other descriptors at once. A deadline is CLOCK_MONOTONIC in
 * nanoseconds; 0 means not to wait at all, DIVERT_NEVER without end. Results are those of poll(2)
 * and select(2), with -errno for errors.
 */
#ifndef DIVERTSHIM_WAIT_H
#define DIVERTSHIM_WAIT_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>

struct divert_socket;

/* Whether the kernel accepts a timeout (NULL: none); it returns EINVAL for others. */
bool wait_timeout_valid(const struct timespec *timeout);

/* Deadlines from timeouts as poll(2) and ppoll(2) take them; the latter must be valid. */
uint64_t wait_deadline_ms(int timeout);
uint64_t wait_deadline(const struct timespec *timeout);

/* mask is the signal mask during the wait, as in ppoll(2); NULL leaves it. */
int wait_poll(struct pollfd *fds, nfds_t count, uint64_t deadline, const sigset_t *mask);

int wait_select(int nfds, fd_set *r, fd_set *w, fd_set *e, uint64_t deadline, const sigset_t *mask);

/* epoll_pwait(2) in a process that has divert sockets. */
int wait_epoll(int epoll, struct epoll_event *events, int max, uint64_t deadline,
               const sigset_t *mask);

/*
 * Waits until a packet can be read. 0 if so, or if a read must be tried again; -EAGAIN at the
 * deadline; -EINTR after a signal whose handler lacks SA_RESTART. A thread that is cancelled
 * meanwhile gives up the caller's reference.
 */
int wait_readable(struct divert_socket *s, uint64_t deadline);

#endif
