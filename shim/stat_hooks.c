/* SPDX-License-Identifier: BSD-2-Clause */
/* What kind of descriptor it is: a socket. Each version of the C library has its own names. */
#include "hook.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

/* Of the kernel's socket behind it: each divert socket has its own inode. */
static int stat_socket(struct divert_socket *s, struct stat *st)
{
    return (int)finish(s, real.fstat(divert_kernel_fd(s), st) < 0 ? -errno : 0);
}

static int stat_socket64(struct divert_socket *s, struct stat64 *st)
{
    return (int)finish(s, real.fstat64(divert_kernel_fd(s), st) < 0 ? -errno : 0);
}

HOOK int fstat(int fd, struct stat *st)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        return is_private(fd) ? (int)as_result(-EBADF) : real.fstat(fd, st);
    return stat_socket(s, st);
}

HOOK int fstat64(int fd, struct stat64 *st)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        return is_private(fd) ? (int)as_result(-EBADF) : real.fstat64(fd, st);
    return stat_socket64(s, st);
}

/* The names before glibc 2.33. */
HOOK int __fxstat(int version, int fd, struct stat *st)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        return is_private(fd) ? (int)as_result(-EBADF) : real.__fxstat(version, fd, st);
    return stat_socket(s, st);
}

HOOK int __fxstat64(int version, int fd, struct stat64 *st)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        return is_private(fd) ? (int)as_result(-EBADF) : real.__fxstat64(version, fd, st);
    return stat_socket64(s, st);
}

/* The descriptor itself is meant, and it is ours. */
static struct divert_socket *find_at(int fd, const char *path, int flags)
{
    return (flags & AT_EMPTY_PATH) && (!path || !*path) ? divert_find(fd) : NULL;
}

HOOK int fstatat(int fd, const char *path, struct stat *st, int flags)
{
    struct divert_socket *s = find_at(fd, path, flags);

    if (!s)
        return real.fstatat(fd, path, st, flags);
    return stat_socket(s, st);
}

HOOK int fstatat64(int fd, const char *path, struct stat64 *st, int flags)
{
    struct divert_socket *s = find_at(fd, path, flags);

    if (!s)
        return real.fstatat64(fd, path, st, flags);
    return stat_socket64(s, st);
}

HOOK int __fxstatat(int version, int fd, const char *path, struct stat *st, int flags)
{
    struct divert_socket *s = find_at(fd, path, flags);

    if (!s)
        return real.__fxstatat(version, fd, path, st, flags);
    return stat_socket(s, st);
}

HOOK int __fxstatat64(int version, int fd, const char *path, struct stat64 *st, int flags)
{
    struct divert_socket *s = find_at(fd, path, flags);

    if (!s)
        return real.__fxstatat64(version, fd, path, st, flags);
    return stat_socket64(s, st);
}

HOOK int statx(int fd, const char *path, int flags, unsigned mask, struct statx *st)
{
    struct divert_socket *s = find_at(fd, path, flags);

    if (!s)
        return real.statx(fd, path, flags, mask, st);
    return (int)finish(s, real.statx(divert_kernel_fd(s), "", flags, mask, st) < 0 ? -errno : 0);
}
