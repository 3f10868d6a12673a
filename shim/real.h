/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library's own functions, under the name they have there: real.poll() is libc's poll(),
 * never our hook. They are looked up on first use, which may be before our constructor runs.
 */
#ifndef DIVERTSHIM_REAL_H
#define DIVERTSHIM_REAL_H

#include "time64.h"

#include "common/libc.h"

#include <linux/capability.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Macros in some C libraries. */
#undef fcntl64
#undef fstat64
#undef fstatat64
#undef freopen64

#define REAL_CALLS(CALL)                                                                        \
    CALL(int, socket, (int, int, int))                                                          \
    CALL(int, bind, (int, const struct sockaddr *, socklen_t))                                  \
    CALL(int, connect, (int, const struct sockaddr *, socklen_t))                               \
    CALL(int, listen, (int, int))                                                               \
    CALL(int, accept, (int, struct sockaddr *, socklen_t *))                                    \
    CALL(int, accept4, (int, struct sockaddr *, socklen_t *, int))                              \
    CALL(int, shutdown, (int, int))                                                             \
    CALL(int, getsockname, (int, struct sockaddr *, socklen_t *))                               \
    CALL(int, getpeername, (int, struct sockaddr *, socklen_t *))                               \
    CALL(int, getsockopt, (int, int, int, void *, socklen_t *))                                 \
    CALL(int, setsockopt, (int, int, int, const void *, socklen_t))                             \
    CALL(ssize_t, read, (int, void *, size_t))                                                  \
    CALL(ssize_t, readv, (int, const struct iovec *, int))                                      \
    CALL(ssize_t, recv, (int, void *, size_t, int))                                             \
    CALL(ssize_t, recvfrom, (int, void *, size_t, int, struct sockaddr *, socklen_t *))         \
    CALL(ssize_t, recvmsg, (int, struct msghdr *, int))                                         \
    CALL(int, recvmmsg, (int, struct mmsghdr *, unsigned, mmsg_flags, struct timespec *))       \
    CALL(ssize_t, write, (int, const void *, size_t))                                           \
    CALL(ssize_t, writev, (int, const struct iovec *, int))                                     \
    CALL(ssize_t, send, (int, const void *, size_t, int))                                       \
    CALL(ssize_t, sendto, (int, const void *, size_t, int, const struct sockaddr *, socklen_t)) \
    CALL(ssize_t, sendmsg, (int, const struct msghdr *, int))                                   \
    CALL(int, sendmmsg, (int, struct mmsghdr *, unsigned, mmsg_flags))                          \
    CALL(ssize_t, __read_chk, (int, void *, size_t, size_t))                                    \
    CALL(ssize_t, __recv_chk, (int, void *, size_t, size_t, int))                               \
    CALL(ssize_t, __recvfrom_chk,                                                               \
         (int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *))                    \
    CALL(int, poll, (struct pollfd *, nfds_t, int))                                             \
    CALL(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *))      \
    CALL(int, __poll_chk, (struct pollfd *, nfds_t, int, size_t))                               \
    CALL(int, __ppoll_chk,                                                                      \
         (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t))          \
    CALL(int, select, (int, fd_set *, fd_set *, fd_set *, struct timeval *))                    \
    CALL(int, pselect,                                                                          \
         (int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *))        \
    CALL(int, epoll_ctl, (int, int, int, struct epoll_event *))                                 \
    CALL(int, epoll_wait, (int, struct epoll_event *, int, int))                                \
    CALL(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *))             \
    CALL(int, epoll_pwait2,                                                                     \
         (int, struct epoll_event *, int, const struct timespec *, const sigset_t *))           \
    CALL(int, close, (int))                                                                     \
    CALL(int, close_range, (unsigned, unsigned, int))                                           \
    CALL(void, closefrom, (int))                                                                \
    CALL(int, dup, (int))                                                                       \
    CALL(int, dup2, (int, int))                                                                 \
    CALL(int, dup3, (int, int, int))                                                            \
    CALL(int, fcntl, (int, int, ...))                                                           \
    CALL(int, fcntl64, (int, int, ...))                                                         \
    CALL(int, ioctl, (int, ioctl_request, ...))                                                 \
    CALL(void, _exit, (int))                                                                    \
    CALL(int, setuid, (uid_t))                                                                  \
    CALL(int, seteuid, (uid_t))                                                                 \
    CALL(int, setreuid, (uid_t, uid_t))                                                         \
    CALL(int, setresuid, (uid_t, uid_t, uid_t))                                                 \
    CALL(int, setgid, (gid_t))                                                                  \
    CALL(int, setegid, (gid_t))                                                                 \
    CALL(int, setregid, (gid_t, gid_t))                                                         \
    CALL(int, setresgid, (gid_t, gid_t, gid_t))                                                 \
    CALL(int, setgroups, (size_t, const gid_t *))                                               \
    CALL(int, initgroups, (const char *, gid_t))                                                \
    CALL(int, setfsuid, (uid_t))                                                                \
    CALL(int, setfsgid, (gid_t))                                                                \
    CALL(int, capset, (cap_user_header_t, const cap_user_data_t))                               \
    CALL(int, execve, (const char *, char *const *, char *const *))                             \
    CALL(int, execvpe, (const char *, char *const *, char *const *))                            \
    CALL(int, fexecve, (int, char *const *, char *const *))                                     \
    CALL(int, execveat, (int, const char *, char *const *, char *const *, int))                 \
    CALL(int, posix_spawn,                                                                      \
         (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, \
          char *const *, char *const *))                                                        \
    CALL(int, posix_spawnp,                                                                     \
         (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, \
          char *const *, char *const *))                                                        \
    CALL(int, posix_spawn_file_actions_adddup2, (posix_spawn_file_actions_t *, int, int))       \
    CALL(int, posix_spawn_file_actions_addclose, (posix_spawn_file_actions_t *, int))           \
    CALL(int, posix_spawn_file_actions_addclosefrom_np, (posix_spawn_file_actions_t *, int))    \
    CALL(int, fclose, (FILE *))                                                                 \
    CALL(FILE *, freopen, (const char *, const char *, FILE *))                                 \
    CALL(FILE *, freopen64, (const char *, const char *, FILE *))                               \
    CALL(int, prctl, (int, ...))                                                                \
    CALL(int, chroot, (const char *))                                                           \
    CALL(int, fstat, (int, void *))                                                             \
    CALL(int, fstat64, (int, void *))                                                           \
    CALL(int, __fxstat, (int, int, void *))                                                     \
    CALL(int, __fxstat64, (int, int, void *))                                                   \
    CALL(int, fstatat, (int, const char *, void *, int))                                        \
    CALL(int, fstatat64, (int, const char *, void *, int))                                      \
    CALL(int, __fxstatat, (int, int, const char *, void *, int))                                \
    CALL(int, __fxstatat64, (int, int, const char *, void *, int))                              \
    CALL(int, statx, (int, const char *, int, unsigned, void *))                                \
    CALL(struct servent *, getservbyname, (const char *, const char *))                         \
    CALL(struct protoent *, getprotobyname, (const char *))                                     \
    CALL(struct protoent *, getprotobynumber, (int))                                            \
    CALL(int, getprotobyname_r,                                                                 \
         (const char *, struct protoent *, char *, size_t, struct protoent **))                 \
    CALL(int, getprotobynumber_r, (int, struct protoent *, char *, size_t, struct protoent **)) \
    CALL(int, getservbyname_r,                                                                  \
         (const char *, const char *, struct servent *, char *, size_t, struct servent **))     \
    REAL_TIME64_CALLS(CALL)

struct real_calls {
#define REAL_FIELD(result, name, args) result(*name) args;
    REAL_CALLS(REAL_FIELD)
#undef REAL_FIELD
};

extern struct real_calls real_table;
extern int real_loaded;

/* Looks all of them up. Safe to call again, and from several threads at once. */
void real_load(void);

static inline struct real_calls *real_get(void)
{
    if (__builtin_expect(!__atomic_load_n(&real_loaded, __ATOMIC_ACQUIRE), 0))
        real_load();
    return &real_table;
}

#define real (*real_get())

#endif
