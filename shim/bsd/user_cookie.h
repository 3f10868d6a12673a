/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SO_USER_COOKIE of FreeBSD on sockets that are no divert sockets: a number for each. The rules of
 * divert-run see whether it differs from 0 (sockarg).
 */
#ifndef DIVERTSHIM_USER_COOKIE_H
#define DIVERTSHIM_USER_COOKIE_H

#include <stdbool.h>
#include <sys/socket.h>

/* Whether an option is SO_USER_COOKIE, which the kernel does not know. */
static inline bool user_cookie_is(int level, int name)
{
    return level == SOL_SOCKET && name == 0x1015; /* as in include/divertshim/ */
}

/*
 * As setsockopt(2) and getsockopt(2) with a uint32_t. 0, or -errno: -EFAULT, -EINVAL, and those of
 * getsockopt(2). The cookie belongs to all copies of the descriptor in this process, but does not
 * survive exec. The cookies of the last 256 sockets are kept; others read as 0.
 */
int user_cookie_set(int fd, const void *value, socklen_t len);
int user_cookie_get(int fd, void *value, socklen_t *len);

#endif
