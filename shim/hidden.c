/* SPDX-License-Identifier: BSD-2-Clause */
#include "hidden.h"

#include "real.h"

#include <fcntl.h>
#include <sys/resource.h>

#define HIDDEN_CEILING 8192 /* the kernel's table grows with the highest number in use */
#define HIDDEN_RANGE   256

int hidden_fd(int fd)
{
    struct rlimit limit = {.rlim_cur = 1024};
    int top, moved;

    if (fd < 0)
        return fd;
    getrlimit(RLIMIT_NOFILE, &limit);
    top = limit.rlim_cur < HIDDEN_CEILING ? (int)limit.rlim_cur : HIDDEN_CEILING;
    moved = real.fcntl(fd, F_DUPFD_CLOEXEC, top > HIDDEN_RANGE ? top - HIDDEN_RANGE : 3);
    if (moved < 0)
        return fd;
    real.close(fd);
    return moved;
}
