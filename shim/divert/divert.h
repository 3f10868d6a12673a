/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A divert socket as divert(4) has it. Functions return a result, or -errno; they know neither
 * which descriptor the program holds nor how the kernel queues packets.
 */
#ifndef DIVERTSHIM_DIVERT_H
#define DIVERTSHIM_DIVERT_H

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
 * is returned in *s goes to the descriptor table. Errors: -EPERM without CAP_NET_ADMIN or
 * CAP_NET_RAW, -EINVAL for options that make no sense, -EMFILE, -ENFILE, -ENOMEM, -EPROTONOSUPPORT.
 */
int divert_open(int domain, int type, int protocol, int *fd, struct divert_socket **s);

/*
 * References. The last one to go closes what this process has of the socket; its memory is used
 * for other sockets only, so that divert_hold_if_used() may be asked about one that has gone.
 */
struct divert_socket *divert_hold(struct divert_socket *s);
bool divert_hold_if_used(struct divert_socket *s);
void divert_release(struct divert_socket *s);

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
 * Reads one packet: recvmsg(2); 0 after divert_shutdown(). Errors: -EAGAIN, -EINTR, -EFAULT never
 * (it crashes, as libc does).
 */
ssize_t divert_recvmsg(struct divert_socket *s, struct msghdr *msg, int flags);

/*
 * Writes one packet: sendmsg(2). Errors: -EINVAL, -EAFNOSUPPORT, -EADDRNOTAVAIL, -EMSGSIZE as
 * divert(4) has them; -EPIPE after divert_shutdown(); and those of inject_outgoing() and
 * inject_incoming().
 */
ssize_t divert_sendmsg(struct divert_socket *s, const struct msghdr *msg, int flags);

/* Whether this process has given verdicts that were not sent; without the lock. */
bool divert_verdicts_pending(const struct divert_socket *s);

/* Sends the verdicts that wait for others. */
void divert_send_verdicts(struct divert_socket *s);

/* In a child: those that its parent gave are the parent's to send. */
void divert_forget_verdicts(struct divert_socket *s);

/* Bytes of the packet that the next read gives, 0 for none: FIONREAD. */
int divert_next_len(struct divert_socket *s);

/*
 * The poll(2) events of a socket that hold now. Packets are taken from the kernel if none is at
 * hand, and overdue ones dropped.
 */
short divert_events(struct divert_socket *s, short wanted);

/*
 * The same without a system call, and without the lock unless somebody has it: as far as packets
 * have been taken from the kernel already.
 */
short divert_events_buffered(struct divert_socket *s, short wanted);

/* Whether a packet has been taken from the kernel and can be read. No system call. */
bool divert_buffered(struct divert_socket *s);

/* When a wait must end so that overdue packets are dropped: CLOCK_MONOTONIC ns or DIVERT_NEVER. */
uint64_t divert_deadline(struct divert_socket *s);

#define DIVERT_WAIT_FDS 2

/*
 * Between the two, others that use the socket wake whoever polls the descriptors that are put into
 * fds, when they leave packets behind. Readable means: ask divert_events() again.
 */
void divert_wait_begin(struct divert_socket *s, struct pollfd fds[DIVERT_WAIT_FDS]);
void divert_wait_end(struct divert_socket *s);

/*
 * Waits until there is something to read: 1; 0 at the deadline, or -EINTR. A thread that is
 * cancelled while it waits, here or in divert_recvmsg(), gives up the caller's reference.
 */
int divert_wait_until(struct divert_socket *s, uint64_t deadline);

/*
 * As long as somebody watches, by epoll or past libc, the eventfd is readable exactly while packets
 * are at hand.
 */
void divert_watch(struct divert_socket *s, bool watched);

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
 * What another program needs to go on with a socket after exec: descriptors of ours, which are
 * close-on-exec otherwise. Whether it can.
 */
struct divert_handles {
    int queue_fd, event_fd, memory_fd;
    int sibling_event_fd, sibling_memory_fd; /* -1 for none */
};

bool divert_handles(const struct divert_socket *s, struct divert_handles *h);

/*
 * The socket of these descriptors, with a reference for the caller; they belong to it then. NULL
 * if they are not what they should be.
 */
struct divert_socket *divert_adopt(const struct divert_handles *h);

void divert_before_fork(void);
void divert_after_fork(bool child);

#endif
