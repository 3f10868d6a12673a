/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening trace files. */
#include "common/trace_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PCAP_NANOSECONDS 0xa1b23c4d
#define PCAP_RAW_IP      101 /* LINKTYPE_RAW */
#define PIPE_ROOM        (1 << 20)

const struct pcap_head pcap_head = {
    .magic = PCAP_NANOSECONDS,
    .major = 2,
    .minor = 4,
    .snaplen = 65535,
    .link_type = PCAP_RAW_IP,
};

/*
 * Whether the last part of the path is a symbolic link; one that belongs to another user is -ELOOP.
 * Returns 0 or -errno.
 */
static int look_at_link(const char *path, bool *is_link)
{
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st = {0};

    *is_link = false;
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
        *is_link = true;
        if (st.st_uid != 0 && st.st_uid != geteuid()) {
            close(fd);
            return -ELOOP;
        }
    }
    close(fd);
    return 0;
}

static int open_to_append(const char *path, bool wait)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, fd, err;
    bool is_link;

    err = look_at_link(path, &is_link);
    if (err)
        return err;
    flags |= (is_link ? 0 : O_NOFOLLOW) | (wait ? 0 : O_NONBLOCK);
    fd = open(path, flags, 0600);
    return fd < 0 ? -errno : fd;
}

/* Every writer holds a shared lock, so whoever gets an exclusive lock is the first. */
static bool is_first(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/*
 * Replaces the first writer's exclusive lock by a shared one, or waits until the first has done so.
 */
static void share(int fd)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    for (int i = 0; i < 100 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK; i++)
        nanosleep(&moment, NULL);
}

static int begin(int fd, const struct pcap_head *head, bool go_on)
{
    struct stat st;
    bool first = !go_on && is_first(fd), regular;
    int err = 0;

    if (fstat(fd, &st) < 0)
        return -errno;
    regular = S_ISREG(st.st_mode);
    if (first && regular && ftruncate(fd, 0) < 0)
        err = -errno;
    if (!first && !go_on)
        share(fd);
    if (S_ISFIFO(st.st_mode))
        fcntl(fd, F_SETPIPE_SZ, PIPE_ROOM);
    if (!err && head && (first || (regular && st.st_size == 0)) &&
        write(fd, head, sizeof(*head)) != sizeof(*head))
        err = -(errno ? errno : ENOSPC);
    if (first || go_on)
        share(fd);
    return err;
}

int trace_open(const char *path, const struct pcap_head *head, unsigned flags)
{
    int fd = open_to_append(path, flags & TRACE_OPEN_WAIT), err;

    if (fd < 0)
        return fd;
    errno = 0;
    err = begin(fd, head, flags & TRACE_OPEN_GO_ON);
    if (!err)
        return fd;
    close(fd);
    return err;
}
