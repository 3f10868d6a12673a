/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A divert socket as in divert(4). Functions return a result, or -errno. They do not know which
 * descriptor the program holds, nor how the kernel queues packets.
 */
#ifndef DIVERTSHIM_DIVERT_H
#define DIVERTSHIM_DIVERT_H

#include "fdtable.h"
#include "process/process.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct divert_socket;

#define DIVERT_NEVER UINT64_MAX /* no deadline */

/* Whether socket(2) with these arguments asks for a divert socket. */
bool divert_wanted(int domain, int type, int protocol);

/*
 * Makes a divert socket. *fd is the program's descriptor, which it owns. *s is a reference, to be
 * handed to the descriptor table. Returns 0 or -errno: -EPERM without CAP_NET_RAW, -EINVAL if an
 * option is invalid, -EMFILE, -ENFILE, -ENOMEM, -EPROTONOSUPPORT.
 */
int divert_open(int domain, int type, int protocol, int *fd, struct divert_socket **s);

/* References, see fdtable.h. Releasing the last one closes what this process has of the socket. */
static inline void divert_release(struct divert_socket *s)
{
    fd_object_release((struct fd_object *)s); /* its first member */
}

/* The same, for pthread_cleanup_push(). */
static inline void divert_give_up(void *s)
{
    divert_release(s);
}

static inline struct divert_socket *divert_find(int fd)
{
    return (struct divert_socket *)fdtable_hold(fd);
}

/*
 * Calls visit for each socket of this process, with a reference held during the call. Takes no
 * lock.
 */
void divert_each(void (*visit)(struct divert_socket *s, void *arg), void *arg);

/* Whether this process has any divert socket. */
bool divert_any_open(void);

/*
 * Binds to the divert port in a sockaddr_in, or a sockaddr_in6 for AF_INET6 (network byte order;
 * the address is ignored); port 0 picks a free one. Errors: -EINVAL (bound already, address too
 * short), -EAFNOSUPPORT, -EADDRINUSE, -EACCES, -EOPNOTSUPP (no nfnetlink_queue in the kernel).
 */
int divert_bind(struct divert_socket *s, const struct sockaddr *address, socklen_t len);

/* The bound address, as getsockname(2) returns it: the port in network byte order. */
int divert_getsockname(struct divert_socket *s, struct sockaddr *address, socklen_t *len);

/*
 * Reads one packet as recvmsg(2) does, but never waits. Returns its length, 0 after
 * divert_shutdown(), or -errno: -EAGAIN without a packet; -EDEADLK in a signal handler that
 * interrupted the holder of the socket's lock; errors of the netlink socket. Bad addresses crash
 * instead of -EFAULT, as in libc.
 */
ssize_t divert_recvmsg(struct divert_socket *s, struct msghdr *msg, int flags);

/*
 * The deadline of a read with these flags: 0 for not waiting, DIVERT_NEVER, or CLOCK_MONOTONIC in
 * nanoseconds according to SO_RCVTIMEO.
 */
uint64_t divert_read_deadline(const struct divert_socket *s, int flags);

/*
 * Writes one packet as sendmsg(2) does. Returns its length, or -errno: -EINVAL, -EAFNOSUPPORT,
 * -EADDRNOTAVAIL, -EMSGSIZE as in divert(4); -EPIPE after divert_shutdown(), with SIGPIPE unless
 * flags has MSG_NOSIGNAL; -ENOBUFS in a signal handler without memory; and those of
 * inject_outgoing() and inject_incoming().
 */
ssize_t divert_sendmsg(struct divert_socket *s, const struct msghdr *msg, int flags);

/*
 * Sends the pending verdicts of all sockets of this process. To be called before the calling thread
 * does anything but go on with divert sockets: waits, ends, runs another program.
 */
void divert_send_pending_verdicts(void);

static inline void divert_before_foreign_wait(void)
{
    if (__builtin_expect(process_verdict_timers() != 0, 0))
        divert_send_pending_verdicts();
}

/* To be called once, when the library starts. */
void divert_start(void);

/* FIONREAD: bytes of the packet that the next read returns, 0 for none. */
int divert_next_len(struct divert_socket *s);

/*
 * The poll(2) events among wanted that hold now. Takes packets from the kernel if none is at hand,
 * and drops overdue ones.
 */
short divert_events(struct divert_socket *s, short wanted);

/*
 * Whether the kernel's "readable" is enough to know that a read finds a packet. It is not if the
 * packet may be the sibling's, or was injected under rules by hand; then ask divert_events().
 */
bool divert_kernel_knows(const struct divert_socket *s);

/*
 * divert_events() without a system call, from packets already taken from the kernel. Takes the lock
 * only if somebody holds it.
 */
short divert_events_buffered(struct divert_socket *s, short wanted);

/* Whether a packet has been taken from the kernel and can be read. No system call. */
bool divert_buffered(struct divert_socket *s);

/*
 * To be called before a wait for the socket: sends pending verdicts. Returns when the wait must end
 * so that overdue packets are dropped: CLOCK_MONOTONIC in nanoseconds, or DIVERT_NEVER.
 */
uint64_t divert_prepare_wait(struct divert_socket *s);

/* Drops overdue packets. */
void divert_expire(struct divert_socket *s);

/* Whether two sockets of this process share a port, one for each family. */
bool divert_any_sibling(void);

/* Takes packets from the kernel and hands each to the sibling that it is for. */
void divert_sort_siblings(void);

/* The library's copy of the program's descriptor, to wait on. */
int divert_epoll_fd(const struct divert_socket *s);

/* divert_prepare_wait() and divert_expire() for all sockets of the process. */
uint64_t divert_prepare_wait_all(void);
void divert_expire_all(void);

/*
 * A descriptor that is always writable, to be added to an epoll instance beside the socket's own:
 * that is an epoll descriptor and never reports EPOLLOUT. Made on the first call; owned by the
 * socket. -errno on failure.
 */
int divert_writable_fd(struct divert_socket *s);

/* Whether this process ever made one. */
bool divert_any_writable_fd(void);

/* The socket's, if it was made before, or -1. */
int divert_writable_fd_if_any(const struct divert_socket *s);

void divert_set_nonblocking(struct divert_socket *s, bool nonblocking);
bool divert_nonblocking(const struct divert_socket *s);

/*
 * O_ASYNC: whether an arriving packet raises the signal set on divert_kernel_fd().
 * divert_set_async() returns 0 or -errno, divert_async() 0, 1 or -errno.
 */
int divert_set_async(struct divert_socket *s, bool async);
int divert_async(const struct divert_socket *s);

/*
 * Its netlink socket, for calls on the socket as such: fstat(2), F_SETOWN. Not to be read, written
 * or closed.
 */
int divert_kernel_fd(const struct divert_socket *s);

/*
 * shutdown(2): after SHUT_WR writes fail with EPIPE; after SHUT_RD packets are dropped and reads
 * return 0. As on OpenBSD, and on FreeBSD before 11; later ones return ENOTCONN. 0; -EINVAL;
 * -EAGAIN in a signal handler that interrupted the lock's holder.
 */
int divert_shutdown(struct divert_socket *s, int how);

/*
 * Socket options of a divert socket. 0 or -errno: -ENOPROTOOPT for an unknown one, -EFAULT,
 * -EINVAL, -EDOM (timeout), -ENOTSUP (IP_DIVERTFL, set before).
 */
int divert_getsockopt(struct divert_socket *s, int level, int name, void *value, socklen_t *len);
int divert_setsockopt(struct divert_socket *s, int level, int name, const void *value,
                      socklen_t len);

/*
 * The private descriptors (close-on-exec) that another program needs to go on with a socket. The
 * program's own descriptor is a copy of the first.
 */
enum divert_handle {
    HANDLE_EPOLL,
    HANDLE_QUEUE,
    HANDLE_EVENT,
    HANDLE_MEMORY,
    HANDLE_SIBLING_EVENT, /* these two are -1 without a sibling */
    HANDLE_SIBLING_MEMORY,
    HANDLES
};

struct divert_handles {
    int fd[HANDLES];
};

/*
 * Fills *h with the socket's descriptors, still owned by it. False if it cannot be passed on,
 * because its memory is no file.
 */
bool divert_get_handles(const struct divert_socket *s, struct divert_handles *h);

/*
 * The socket of these descriptors, with a reference for the caller; it then owns them. If this
 * process has that socket already, they are closed. NULL if they are not what they should be; then
 * they are still the caller's.
 */
struct divert_socket *divert_adopt(const struct divert_handles *h);

void divert_close_handles(const struct divert_handles *h);

/* Makes fd a copy of the socket's descriptor, as dup3(2) does. 0 or -errno. */
int divert_copy_descriptor(const struct divert_socket *s, int fd, int flags);

/* The number that /proc/PID/fdinfo shows as data for the socket's epoll descriptors. */
uint64_t divert_identity(const struct divert_socket *s);

#endif
