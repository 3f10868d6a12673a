/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SO_USER_COOKIE of FreeBSD on the program's other sockets: a number that is kept for each. Rules
 * of divert-run see whether it is another than 0 (sockarg).
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
 * As setsockopt(2) and getsockopt(2) with a uint32_t. Errors: -EFAULT, -EINVAL, and those of
 * getsockopt(2). Copies of the descriptor have the number too, another program has not. The
 * numbers of the 256 sockets that got theirs last are kept; others read as 0.
 */
int user_cookie_set(int fd, const void *value, socklen_t len);
int user_cookie_get(int fd, void *value, socklen_t *len);

#endif
