/* SPDX-License-Identifier: BSD-2-Clause */
#include "process/private_fd.h"

#include "real.h"

#include <fcntl.h>
#include <sys/resource.h>

#define PRIVATE_FD_RANGE 256 /* numbers at the top; when they are used up, half of all */

_Atomic uint64_t private_fd_bits[PRIVATE_FD_CEILING / 64];
_Atomic unsigned private_fd_count;

static void mark(int fd)
{
    if (fd >= PRIVATE_FD_CEILING)
        return;
    atomic_fetch_or(&private_fd_bits[fd / 64], UINT64_C(1) << (fd % 64));
    atomic_fetch_add(&private_fd_count, 1);
}

static void unmark(int fd)
{
    uint64_t bit = UINT64_C(1) << (fd % 64);

    if (fd < PRIVATE_FD_CEILING && (atomic_fetch_and(&private_fd_bits[fd / 64], ~bit) & bit))
        atomic_fetch_sub(&private_fd_count, 1);
}

/* The highest number that a descriptor of ours may have, and one more. */
static int ceiling(void)
{
    struct rlimit limit = {.rlim_cur = 1024};

    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur < PRIVATE_FD_CEILING ? (int)limit.rlim_cur : PRIVATE_FD_CEILING;
}

/* A copy between first and the ceiling, or -1. */
static int copy_above(int fd, int first)
{
    int copy = real.fcntl(fd, F_DUPFD_CLOEXEC, first);

    if (copy < PRIVATE_FD_CEILING)
        return copy;
    real.close(copy);
    return -1;
}

int private_fd(int fd)
{
    int top, moved = -1;

    if (fd < 0)
        return fd;
    top = ceiling();
    if (top > 2 * PRIVATE_FD_RANGE)
        moved = copy_above(fd, top - PRIVATE_FD_RANGE);
    if (moved < 0)
        moved = copy_above(fd, top / 2);
    if (moved < 0) {
        mark(fd);
        return fd;
    }
    real.close(fd);
    mark(moved);
    return moved;
}

void private_fd_close(int fd)
{
    if (fd < 0)
        return;
    unmark(fd);
    real.close(fd);
}
