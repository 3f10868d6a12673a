/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a divert socket, for the files of this folder. */
#ifndef DIVERTSHIM_DIVERT_PRIVATE_H
#define DIVERTSHIM_DIVERT_PRIVATE_H

#include "common/status.h"
#include "divert/divert.h"
#include "divert/handoff_queue.h"
#include "divert/in_flight.h"
#include "netif/interfaces.h"
#include "nfq.h"
#include "packet/packet.h"
#include "process/process.h"
#include "util/options.h"

#include <linux/netfilter.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* An address of a socket's family, and whether it says that the packet is incoming. */
struct divert_address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    };
    socklen_t len;
    bool incoming;
};

/*
 * The packet that was read last. Most programs write it next: then it is recognised by its bytes,
 * which are still in the ring, and never enters the in-flight table.
 */
struct divert_last {
    bool outstanding;
    uint32_t number;               /* in the ring */
    struct divert_address address; /* with which it was read */
    struct in_flight_packet packet;
};

/*
 * What all processes that have the socket share, as they would share a socket in the kernel. The
 * lock is never held while waiting.
 */
struct divert_shared {
    struct status status; /* first: read by others */
    uint64_t magic;       /* says which version of the library made it */
    uint64_t identity;    /* of the socket, see divert_identity(); 0 without a file */
    uint64_t seed;        /* of the keys of the packets in flight */
    struct shared_lock lock;
    bool view_locked;    /* the holder has only a view of the socket */
    bool left_half_done; /* by a process that died with the lock */
    bool drop_gap;       /* packets that it took and did not record are to be dropped */
    int family;          /* as given to socket() */
    int protocol;
    _Atomic bool bound; /* this and the port are also read without the lock */
    _Atomic bool nonblocking;
    _Atomic bool injected;            /* a packet was injected; under rules by hand it comes back */
    bool eventfd_set;                 /* the eventfd is readable */
    _Atomic bool buffered;            /* a read finds a packet in the ring; read without the lock */
    bool cannot_send, cannot_receive; /* after shutdown() */
    uint32_t flags;           /* SO_BROADCAST and the like, a bit each: kept for getsockopt() */
    _Atomic uint16_t port;    /* host byte order */
    uint16_t queue;           /* the first of this socket's queues: the port's, or a later one */
    unsigned queues;          /* how many, once bound */
    bool balanced;            /* SO_REUSEPORT_LB: others may have the port's other queues */
    bool gso;                 /* the queues pass large (GSO) packets on uncut */
    _Atomic int wanted;       /* IP_DIVERTFL: bits of enum divertfl, 0 for all packets */
    uint32_t user_cookie;     /* SO_USER_COOKIE: kept */
    uint64_t receive_timeout; /* SO_RCVTIMEO in nanoseconds, 0 for none */
    uint64_t send_timeout;    /* SO_SNDTIMEO: kept for getsockopt(), writes never wait */
    int receive_buffer, send_buffer;
    int receive_least, send_least; /* SO_RCVLOWAT, SO_SNDLOWAT: kept for getsockopt() */
    struct linger linger;          /* SO_LINGER: kept for getsockopt() */
    struct nfqueue_batch batch;    /* verdicts given and not sent yet, see verdict_timer.h */
    struct divert_last last;
    struct nfqueue_ring ring;
    struct handoff_queue handoff_queue; /* what the sibling took for us */
    struct shared_lock taking;          /* of both siblings, in the memory of the AF_INET one */
    struct in_flight in_flight;
    uint8_t scratch[PACKET_MAX + 1]; /* a packet in one piece */
};

struct deferred_write;

/* What a process has of a socket. Its memory is only used for sockets, see fdtable.h. */
struct divert_socket {
    struct fd_object object;       /* first */
    struct divert_socket *next;    /* in the list of all that this process ever had */
    _Atomic bool taken;            /* in use, or about to be */
    int epoll_fd;                  /* our copy of what the program holds */
    int queue_fd;                  /* netlink; readable when the kernel has packets */
    int event_fd;                  /* readable when some have been taken from the kernel */
    int memory_fd;                 /* the memory file mapped at shared, or -1 for none */
    _Atomic int writable_fd;       /* see divert_writable_fd(); -1 for none */
    int cancel_state;              /* of the thread that has the lock */
    struct verdict_timer *timer;   /* of this process, or NULL */
    _Atomic bool verdicts_pending; /* this process gave verdicts that were not sent */
    bool is_view;                  /* a view: what this process has of a sibling */
    bool handed_over;              /* under the lock: the sibling's eventfd is to be updated */
    struct divert_socket *sibling; /* of the other family on the port, a view; or NULL */
    struct deferred_write *_Atomic deferred; /* what signal handlers wrote, see write.c */
    struct divert_shared *shared;
    const struct options *options;
    struct interface_memo in;         /* the interface of the packet read last */
    struct nfqueue_messages messages; /* for the ring */
};

/* IPPROTO_DIVERT_RESP and IPPROTO_DIVERT_INIT of OpenBSD and of include/divertshim/. */
enum divertfl { WANTED_INCOMING = 1, WANTED_OUTGOING = 2 };

/* The port in an address for bind(2), in host byte order; or -EINVAL, -EAFNOSUPPORT. */
int divert_port_of(const struct divert_socket *s, const struct sockaddr *address, socklen_t len);

/* What divert(4) calls incoming. */
static inline bool divert_is_incoming(const struct nfqueue_packet *p)
{
    return p->hook == NF_INET_PRE_ROUTING || p->hook == NF_INET_LOCAL_IN;
}

/* The address with which an AF_INET6 socket reads a packet. */
void divert_address6(struct divert_socket *s, const struct nfqueue_packet *p, uint16_t tag,
                     struct divert_address *address);

/* What the address of a write says: direction, interface and tag. Outgoing without an address. */
struct divert_destination {
    struct in_flight_direction direction;
    uint32_t scope; /* outgoing only: the interface of a link-local address, or 0 */
    uint16_t tag;   /* host byte order */
};

/* *to is all zeros before the call. 0, -EINVAL, -EAFNOSUPPORT or -EADDRNOTAVAIL. */
int divert_read_address(const struct divert_socket *s, const struct msghdr *msg,
                        struct divert_destination *to);

/*
 * Whether a packet is written with the address that the last one was read with, as most programs
 * do; then the address need not be parsed.
 */
static inline bool divert_is_last_address(const struct divert_socket *s, const struct msghdr *msg)
{
    const struct divert_last *last = &s->shared->last;

    if (!msg->msg_name || msg->msg_namelen != last->address.len ||
        memcmp(msg->msg_name, &last->address.any, last->address.len) != 0)
        return false;
    if (!last->address.incoming)
        return true;
    interfaces_refresh_if_old();
    return interfaces_memo_holds(&s->in, last->packet.indev);
}

static inline void divert_take_last_address(const struct divert_last *last,
                                            struct divert_destination *to)
{
    to->tag = last->address.in.sin_port; /* where sin6_port is */
    to->direction.incoming = last->address.incoming;
    if (last->address.incoming)
        to->direction.indev = last->packet.indev;
}

/*
 * Whether the socket may send a packet of that IP version: that of its family, and with FreeBSD's
 * personality any from an AF_INET socket. OpenBSD returns EINVAL for others.
 */
bool divert_may_send(const struct divert_socket *s, const void *packet, size_t len);

/* A socket with zeros in its memory, one reference and no descriptors; NULL without memory. */
struct divert_socket *divert_allocate(void);

/*
 * A view of another socket, on its memory file, which it then owns. NULL if the file is not a
 * divert socket's.
 */
struct divert_socket *divert_allocate_view(int memory_fd);

/*
 * Without the lock: the socket of this process that has the port for the other family, with a
 * reference for the caller; or NULL.
 */
struct divert_socket *divert_find_other(struct divert_socket *s, unsigned port);

/* Whether a socket of this process has the port, or may have had it a moment ago. */
bool divert_have_port(unsigned port);

/*
 * Under the lock of s: s and other become siblings. 0; -EADDRINUSE if other has one already or is
 * no longer bound.
 */
int divert_join(struct divert_socket *s, struct divert_socket *other);

/* Under the lock: the sibling, or NULL. If it has ended, its packets are dropped. */
struct divert_socket *divert_sibling(struct divert_socket *s);

/*
 * Under the lock: for a packet of the other family, or one that must queue up behind the socket's
 * own handoff queue. True if it does not belong in the ring: it went to a handoff queue, or was
 * dropped since no socket of its family is there.
 */
bool divert_hand_over(struct divert_socket *s, const struct nfqueue_packet *p);

/*
 * Under the lock, if packets were handed over: the sibling whose eventfd is to be updated, with a
 * reference. Without the lock, divert_notify_sibling() updates it and gives up the reference.
 */
struct divert_socket *divert_sibling_to_notify(struct divert_socket *s);
void divert_notify_sibling(struct divert_socket *view);

/*
 * Calls take under a lock that siblings share, so that their packets stay in order. Returns its
 * result; -EAGAIN in a signal handler that interrupted the lock's holder.
 */
int divert_take_in_turn(struct divert_socket *s, int (*take)(struct divert_socket *s));

/*
 * Under the lock: if a sibling shares the queue, which therefore goes on, drops unread packets and
 * returns true; else returns false.
 */
bool divert_drop_unread(struct divert_socket *s);

/* Adopts the sibling that the program before had; the descriptors become ours. */
void divert_adopt_sibling(struct divert_socket *s, int event_fd, int memory_fd);

/*
 * Around the end of a socket with a sibling: if no other process has the socket, its packets are
 * dropped from the kernel's queue, which lives on. The first returns what the second takes, or
 * NULL.
 */
struct divert_socket *divert_begin_parting(struct divert_socket *s);
void divert_end_parting(struct divert_socket *s, struct divert_socket *self);

/* Records the inode of the netlink socket for divert-run --status. */
void divert_note_netlink(struct divert_socket *s);

/*
 * Takes the lock of a socket; until divert_unlock() the thread cannot be cancelled. 0; -EDEADLK if
 * a signal handler interrupted this thread while it held the lock: then nothing is locked.
 */
int divert_lock(struct divert_socket *s);

/* Packets that were read and wait to be written. */
static inline uint64_t divert_unwritten(const struct divert_socket *s)
{
    return (uint64_t)s->shared->in_flight.count + s->shared->last.outstanding;
}

/* Whether a packet that has been taken from the kernel can be read. */
static inline bool divert_has_packet(const struct divert_shared *shared)
{
    return !nfqueue_ring_empty(&shared->ring) || handoff_queue_waits(&shared->handoff_queue);
}

void divert_unlock(struct divert_socket *s);

/*
 * Under the lock: drops overdue packets and, if no packet is at hand, takes some from the kernel.
 * Returns 1 if one is at hand, 0 or -errno if not.
 */
int divert_fill(struct divert_socket *s);

/* Under the lock: when the oldest outstanding packet is overdue, as divert_prepare_wait(). */
uint64_t divert_overdue_at(struct divert_socket *s);

/* Under the lock: drops packets that were read and not written in time. */
void divert_drop_overdue(struct divert_socket *s);

/* Under the lock: moves the packet that was read last to the in-flight table. */
void divert_add_in_flight(struct divert_socket *s);

/*
 * Under the lock, after an injection: rules by hand may have put the packet into our own queue. It
 * is accepted there at once, and need not wait for the program's next read.
 */
void divert_pass_injected(struct divert_socket *s);

/* Under the lock: writes the packets that signal handlers wrote while this thread held the lock. */
void divert_write_deferred(struct divert_socket *s);

/*
 * Under the lock: repeats a packet from before the rule that diverted it, so that the kernel cuts
 * it if GSO is off now. Returns 0, or -errno: then it stays.
 */
int divert_send_back(struct divert_socket *s, const struct nfqueue_packet *p);

/* Under the lock, once bound: whether large (GSO) packets come uncut. */
void divert_set_gso(struct divert_socket *s, bool on);

/*
 * Under the lock: gives a verdict. It is sent at once or, while the program has packets at hand to
 * go on with, together with the next ones. If the kernel lacks memory it is sent with the next
 * ones, too. Returns 0, or -errno: it was not given.
 */
int divert_give_verdict(struct divert_socket *s, const struct nfqueue_verdict *v);

/*
 * Under the lock: whether all packets that came into a queue before a packet that was read have
 * their verdicts, sent or pending.
 */
bool divert_none_before(const struct divert_socket *s, uint16_t queue, uint32_t id);

/* Under the lock: sends pending verdicts. */
void divert_flush(struct divert_socket *s);

/* The same without the lock; also in a signal handler that interrupted the lock's holder. */
void divert_send_verdicts(struct divert_socket *s);

/*
 * Under the lock: drops a packet that was read. Returns 0, or -errno if it stays for another try.
 */
int divert_drop(struct divert_socket *s, const struct in_flight_packet *packet);

/*
 * Under the lock: puts a packet back whose verdict failed with that error. It can be written again,
 * or is dropped later.
 */
void divert_leave_undecided(struct divert_socket *s, struct in_flight_packet packet, int err);

/* Makes the socket's epoll descriptor watch the netlink socket and the eventfd. 0 or -errno. */
int divert_watch_descriptors(struct divert_socket *s);

#endif
