/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that musl lacks, or does not declare. The library under test has them all the same, for
 * programs that look for them, as the tests do here.
 */
#ifndef MUSL_H
#define MUSL_H

#ifndef __GLIBC__
#include <dlfcn.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define FIND_CALL(result, name, params, args)                      \
    static inline result find_##name params                        \
    {                                                              \
        return ((result(*) params)dlsym(RTLD_DEFAULT, #name))args; \
    }

FIND_CALL(int, close_range, (unsigned first, unsigned last, int flags), (first, last, flags))
FIND_CALL(int, posix_spawn_file_actions_addclosefrom_np,
          (posix_spawn_file_actions_t * actions, int first), (actions, first))

static inline void find_closefrom(int first)
{
    ((void (*)(int))dlsym(RTLD_DEFAULT, "closefrom"))(first);
}

/* Of this one the library has no more than libc: programs of musl call epoll_pwait(). */
static inline int call_epoll_pwait(int epoll, struct epoll_event *events, int max,
                                   const struct timespec *timeout, const sigset_t *mask)
{
    int ms = timeout ? (int)(timeout->tv_sec * 1000 + timeout->tv_nsec / 1000000) : -1;

    return epoll_pwait(epoll, events, max, ms, mask);
}

/* Not the macros that these are before musl 1.2.4. */
#undef fstat64
#undef freopen64
#undef stat64
FIND_CALL(int, fstat64, (int fd, struct stat *st), (fd, st))
FIND_CALL(FILE *, freopen64, (const char *path, const char *mode, FILE *stream),
          (path, mode, stream))

#define close_range                              find_close_range
#define closefrom                                find_closefrom
#define epoll_pwait2                             call_epoll_pwait
#define posix_spawn_file_actions_addclosefrom_np find_posix_spawn_file_actions_addclosefrom_np
#define fstat64                                  find_fstat64
#define freopen64                                find_freopen64
#define stat64                                   stat
#endif

#endif
