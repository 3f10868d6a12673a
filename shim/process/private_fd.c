/* SPDX-License-Identifier: BSD-2-Clause */
/* Private descriptors: moving them out of the program's way. */
#include "process/private_fd.h"

#include "fdtable.h"
#include "real.h"

#include <fcntl.h>
#include <sys/resource.h>

#define CEILING 8192 /* the kernel's table grows with the highest descriptor */
#define RANGE   256  /* numbers below the ceiling; when used up, its upper half */

/* One more than the highest number that a private descriptor may have. */
static int private_fd_ceiling(void)
{
    struct rlimit limit = {.rlim_cur = 1024};

    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur < CEILING ? (int)limit.rlim_cur : CEILING;
}

/* Copies fd to a number from first on and below the ceiling. Returns the copy or -1. */
static int copy_above(int fd, int first)
{
    int copy = real.fcntl(fd, F_DUPFD_CLOEXEC, first);

    if (copy < CEILING)
        return copy;
    real.close(copy);
    return -1;
}

int private_fd(int fd)
{
    int top, moved = -1;

    if (fd < 0)
        return fd;
    top = private_fd_ceiling();
    if (top > 2 * RANGE)
        moved = copy_above(fd, top - RANGE);
    if (moved < 0)
        moved = copy_above(fd, top / 2);
    if (moved < 0)
        moved = fd;
    else
        real.close(fd);
    fdtable_set(moved, FD_PRIVATE);
    return moved;
}

void private_fd_close(int fd)
{
    if (fd < 0)
        return;
    fdtable_clear(fd);
    real.close(fd);
}
