/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A divert socket as divert(4) has it. Functions return a result, or -errno; they know neither
 * which descriptor the program holds nor how the kernel queues packets.
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

#define DIVERT_NEVER UINT64_MAX /* a deadline that does not come */

/* Whether socket(2) with these arguments asks for a divert socket. */
bool divert_wanted(int domain, int type, int protocol);

/*
 * Makes a divert socket; *fd is the descriptor for the program, which owns it. The reference that
 * is returned in *s goes to the descriptor table. Errors: -EPERM without CAP_NET_RAW, -EINVAL for
 * options that make no sense, -EMFILE, -ENFILE, -ENOMEM, -EPROTONOSUPPORT.
 */
int divert_open(int domain, int type, int protocol, int *fd, struct divert_socket **s);

/* References, see fdtable.h. The last one to go closes what this process has of the socket. */
static inline void divert_release(struct divert_socket *s)
{
    fd_object_release((struct fd_object *)s); /* its first member */
}

static inline struct divert_socket *divert_find(int fd)
{
    return (struct divert_socket *)fdtable_hold(fd);
}

/* Calls visit for each socket that this process has, with a reference held meanwhile. No lock. */
void divert_each(void (*visit)(struct divert_socket *s, void *arg), void *arg);

/* Whether this process has any divert socket. */
bool divert_any_open(void);

/*
 * Binds to the divert port in a sockaddr_in, or a sockaddr_in6 for AF_INET6 (network byte order;
 * the address is ignored); port 0 picks a free one. Errors: -EINVAL (bound already, address too
 * short), -EAFNOSUPPORT, -EADDRINUSE, -EACCES, -EOPNOTSUPP (no nfnetlink_queue in the kernel).
 */
int divert_bind(struct divert_socket *s, const struct sockaddr *address, socklen_t len);

/* The address bound to, as getsockname(2) gives it. */
int divert_getsockname(struct divert_socket *s, struct sockaddr *address, socklen_t *len);

/*
 * Reads one packet: recvmsg(2), but it never waits; 0 after divert_shutdown(). Errors: -EAGAIN, and
 * -EDEADLK in a signal handler that interrupted its thread while that had the lock.
 * -EFAULT never (it crashes, as libc does).
 */
ssize_t divert_recvmsg(struct divert_socket *s, struct msghdr *msg, int flags);

/*
 * Until when a read with these flags waits: 0 for not at all, DIVERT_NEVER, or CLOCK_MONOTONIC ns
 * as SO_RCVTIMEO has it.
 */
uint64_t divert_read_deadline(const struct divert_socket *s, int flags);

/*
 * Writes one packet: sendmsg(2). Errors: -EINVAL, -EAFNOSUPPORT, -EADDRNOTAVAIL, -EMSGSIZE as
 * divert(4) has them; -EPIPE after divert_shutdown(); and those of inject_outgoing() and
 * inject_incoming().
 */
ssize_t divert_sendmsg(struct divert_socket *s, const struct msghdr *msg, int flags);

/*
 * Before the calling thread does anything else than go on with divert sockets (waits, ends, runs
 * another program): sends the verdicts that wait for others, of all sockets of this process.
 */
void divert_send_pending_verdicts(void);

static inline void divert_before_foreign_wait(void)
{
    if (__builtin_expect(process_verdict_timers() != 0, 0))
        divert_send_pending_verdicts();
}

/* When the library starts. */
void divert_start(void);

/* Bytes of the packet that the next read gives, 0 for none: FIONREAD. */
int divert_next_len(struct divert_socket *s);

/*
 * The poll(2) events of a socket that hold now. Packets are taken from the kernel if none is at
 * hand, and overdue ones dropped.
 */
short divert_events(struct divert_socket *s, short wanted);

/*
 * Whether a socket that the kernel calls readable can be read. Not if what comes may be a
 * sibling's, or was injected under rules by hand: then divert_events() says it.
 */
bool divert_kernel_knows(const struct divert_socket *s);

/*
 * divert_events() without a system call, and without the lock unless somebody has it: as far as
 * packets have been taken from the kernel already.
 */
short divert_events_buffered(struct divert_socket *s, short wanted);

/* Whether a packet has been taken from the kernel and can be read. No system call. */
bool divert_buffered(struct divert_socket *s);

/*
 * Before a wait for the socket: sends verdicts that wait for others. Returns when the wait must end
 * so that overdue packets are dropped: CLOCK_MONOTONIC ns or DIVERT_NEVER.
 */
uint64_t divert_prepare_wait(struct divert_socket *s);

/* Drops what is overdue. */
void divert_expire(struct divert_socket *s);

/* Whether two sockets of this process share a port, one for each family. */
bool divert_any_sibling(void);

/* Takes packets from the kernel and puts them to the sockets that they are for. */
void divert_sort_siblings(void);

/* The library's copy of the program's descriptor, to be waited for. */
int divert_epoll_fd(const struct divert_socket *s);

/* divert_prepare_wait() and divert_expire() for all sockets of the process. */
uint64_t divert_prepare_wait_all(void);
void divert_expire_all(void);

/*
 * A descriptor that can always be written, for epoll_ctl(2): the socket's own, an epoll descriptor,
 * cannot tell that. Made on the first call; -errno.
 */
int divert_writable_fd(struct divert_socket *s);

/* Whether this process has any. */
bool divert_any_writable_fd(void);

/* The same if it was made before, or -1. */
int divert_writable_fd_if_any(const struct divert_socket *s);

void divert_set_nonblocking(struct divert_socket *s, bool nonblocking);
bool divert_nonblocking(const struct divert_socket *s);

/* Whether a packet that comes raises the signal asked for on divert_kernel_fd(). */
int divert_set_async(struct divert_socket *s, bool async);
int divert_async(const struct divert_socket *s);

/*
 * The kernel's socket behind it, for calls on the socket as such: fstat(2), F_SETOWN. It is not
 * to be read, written or closed.
 */
int divert_kernel_fd(const struct divert_socket *s);

/*
 * shutdown(2): after SHUT_WR writes fail with EPIPE; after SHUT_RD packets are dropped and reads
 * give 0. As OpenBSD has it, and FreeBSD before 11; later ones say ENOTCONN. Errors: -EINVAL.
 */
int divert_shutdown(struct divert_socket *s, int how);

/* Socket options that a divert socket answers itself. -ENOPROTOOPT: none of its. */
int divert_getsockopt(struct divert_socket *s, int level, int name, void *value, socklen_t *len);
int divert_setsockopt(struct divert_socket *s, int level, int name, const void *value,
                      socklen_t len);

/*
 * What another program needs to go on with a socket: private descriptors, which are close-on-exec.
 * The program's own is a copy of the first.
 */
enum divert_handle {
    HANDLE_EPOLL,
    HANDLE_QUEUE,
    HANDLE_EVENT,
    HANDLE_MEMORY,
    HANDLE_SIBLING_EVENT, /* these two are -1 for none */
    HANDLE_SIBLING_MEMORY,
    HANDLES
};

struct divert_handles {
    int fd[HANDLES];
};

/* False if it cannot go on elsewhere. */
bool divert_get_handles(const struct divert_socket *s, struct divert_handles *h);

/*
 * The socket of these descriptors, with a reference for the caller; they belong to it then. If this
 * process has that socket already they are closed, and it is that one. NULL if they are not what
 * they should be; then they are still the caller's.
 */
struct divert_socket *divert_adopt(const struct divert_handles *h);

void divert_close_handles(const struct divert_handles *h);

/* Makes fd a copy of the socket's descriptor, as dup3(2) does. */
int divert_copy_descriptor(const struct divert_socket *s, int fd, int flags);

/* The number that the socket's epoll descriptors show in /proc/PID/fdinfo as data. */
uint64_t divert_identity(const struct divert_socket *s);

#endif
