/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting in the kernel, for all waits of the library. */
#ifndef DIVERTSHIM_POLL_KERNEL_H
#define DIVERTSHIM_POLL_KERNEL_H

#include <poll.h>
#include <signal.h>
#include <stdint.h>

/*
 * poll(2) until a deadline as in wait.h, with mask set meanwhile (NULL leaves it), also where
 * RLIMIT_NOFILE allows no descriptors. Returns what poll(2) does, or -errno: -EINTR, -EINVAL,
 * -ENOMEM.
 */
int poll_kernel(struct pollfd *fds, nfds_t count, uint64_t deadline, const sigset_t *mask);

#endif
