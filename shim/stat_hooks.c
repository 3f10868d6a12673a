/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks of fstat(2) and its kin: they say that a divert socket is a socket. Each version of the C
 * library has its own names and structures; nothing here looks into the structures.
 */
#include "hook.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

typedef int fstat_function(int fd, void *st);
typedef int fxstat_function(int version, int fd, void *st);
typedef int fstatat_function(int fd, const char *path, void *st, int flags);
typedef int fxstatat_function(int version, int fd, const char *path, void *st, int flags);

/* Calls fstat(2) on the netlink socket: each divert socket has its own inode. */
static int stat_descriptor(fstat_function *call, int fd, void *st)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        return is_private(fd) ? (int)as_result(-EBADF) : call(fd, st);
    return (int)finish(s, call(divert_kernel_fd(s), st) < 0 ? -errno : 0);
}

static int stat_version(fxstat_function *call, int version, int fd, void *st)
{
    struct divert_socket *s = divert_find(fd);

    if (!s)
        return is_private(fd) ? (int)as_result(-EBADF) : call(version, fd, st);
    return (int)finish(s, call(version, divert_kernel_fd(s), st) < 0 ? -errno : 0);
}

/* The divert socket, if the call is about the descriptor itself. */
static struct divert_socket *find_at(int fd, const char *path, int flags)
{
    return (flags & AT_EMPTY_PATH) && (!path || !*path) ? divert_find(fd) : NULL;
}

static int stat_at(fstatat_function *call, int fd, const char *path, void *st, int flags)
{
    struct divert_socket *s = find_at(fd, path, flags);

    if (!s)
        return call(fd, path, st, flags);
    return (int)finish(s, call(divert_kernel_fd(s), "", st, flags) < 0 ? -errno : 0);
}

static int stat_version_at(fxstatat_function *call, int version, int fd, const char *path, void *st,
                           int flags)
{
    struct divert_socket *s = find_at(fd, path, flags);

    if (!s)
        return call(version, fd, path, st, flags);
    return (int)finish(s, call(version, divert_kernel_fd(s), "", st, flags) < 0 ? -errno : 0);
}

/*
 * The headers declare these with their own structures, or as inline functions. Under the name
 * hook_NAME they are unknown to them.
 */
#define HOOK_FSTAT(name)                                   \
    HOOK int hook_##name(int fd, void *st) __asm__(#name); \
    int hook_##name(int fd, void *st)                      \
    {                                                      \
        return stat_descriptor(real.name, fd, st);         \
    }

#define HOOK_FXSTAT(name)                                               \
    HOOK int hook_##name(int version, int fd, void *st) __asm__(#name); \
    int hook_##name(int version, int fd, void *st)                      \
    {                                                                   \
        return stat_version(real.name, version, fd, st);                \
    }

#define HOOK_FSTATAT(name)                                                              \
    HOOK int hook_##name(int fd, const char *path, void *st, int flags) __asm__(#name); \
    int hook_##name(int fd, const char *path, void *st, int flags)                      \
    {                                                                                   \
        return stat_at(real.name, fd, path, st, flags);                                 \
    }

#define HOOK_FXSTATAT(name)                                                     \
    HOOK int hook_##name(int version, int fd, const char *path, void *st,       \
                         int flags) __asm__(#name);                             \
    int hook_##name(int version, int fd, const char *path, void *st, int flags) \
    {                                                                           \
        return stat_version_at(real.name, version, fd, path, st, flags);        \
    }

HOOK_FSTAT(fstat)
HOOK_FSTAT(fstat64)
HOOK_FSTATAT(fstatat)
HOOK_FSTATAT(fstatat64)

/* The names before glibc 2.33. */
HOOK_FXSTAT(__fxstat)
HOOK_FXSTAT(__fxstat64)
HOOK_FXSTATAT(__fxstatat)
HOOK_FXSTATAT(__fxstatat64)

#ifdef HAVE_TIME64
HOOK_FSTAT(__fstat64_time64)
HOOK_FSTATAT(__fstatat64_time64)
#endif

static int stat_extended(int fd, const char *path, int flags, unsigned mask, void *st)
{
    struct divert_socket *s = find_at(fd, path, flags);

    if (!s)
        return real.statx(fd, path, flags, mask, st);
    return (int)finish(s, real.statx(divert_kernel_fd(s), "", flags, mask, st) < 0 ? -errno : 0);
}

#define HOOK_STATX(name)                                                          \
    HOOK int hook_##name(int fd, const char *path, int flags, unsigned mask,      \
                         void *st) __asm__(#name);                                \
    int hook_##name(int fd, const char *path, int flags, unsigned mask, void *st) \
    {                                                                             \
        return stat_extended(fd, path, flags, mask, st);                          \
    }

HOOK_STATX(statx)
