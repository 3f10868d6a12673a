/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a divert socket, for divert*.c. */
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

/* An address of a socket's family, and what it says of a packet. */
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
 * The packet that was read last. Most programs write it next: then it is known by its bytes, which
 * lie in the ring still, and never enters the in-flight table.
 */
struct divert_last {
    bool outstanding;
    uint32_t number;               /* in the ring */
    struct divert_address address; /* with which it was read */
    struct in_flight_packet packet;
};

/*
 * What all processes that inherited the socket share, as they would share a socket in the kernel.
 * The lock is never held while waiting.
 */
struct divert_shared {
    struct status status; /* first: read by others */
    uint64_t magic;       /* the layout of all this, see divert_adopt() */
    uint64_t identity;    /* of the socket, see divert_identity(); 0 without a file */
    uint64_t seed;        /* of the packets' keys in flight */
    struct shared_lock lock;
    bool view_locked;    /* the holder sees the socket only as its sibling, and changes nothing */
    bool left_half_done; /* by a process that died with the lock */
    bool drop_gap;       /* what that process took and did not note is to be dropped, see fill.c */
    int family;          /* as given to socket() */
    int protocol;
    _Atomic bool bound; /* this and the port: also looked at without the lock */
    _Atomic bool nonblocking;
    _Atomic bool injected; /* a packet was: under rules by hand it may come back, to be passed on */
    bool eventfd_set;      /* the eventfd is readable */
    _Atomic bool buffered; /* a read would not wait, handoff queue apart: without the lock */
    bool cannot_send, cannot_receive; /* after shutdown() */
    uint32_t flags;           /* SO_BROADCAST and the like, a bit each: kept for getsockopt() */
    _Atomic uint16_t port;    /* host byte order */
    uint16_t queue;           /* the first of those that are ours: the port's or one behind */
    unsigned queues;          /* how many, once bound */
    bool balanced;            /* SO_REUSEPORT_LB: others may have the rest of the port's */
    bool gso;                 /* the queues hand large packets over uncut */
    _Atomic int wanted;       /* IP_DIVERTFL: bits of enum divertfl, 0 for all packets */
    uint32_t user_cookie;     /* SO_USER_COOKIE: kept */
    uint64_t receive_timeout; /* SO_RCVTIMEO in nanoseconds, 0 for none */
    uint64_t send_timeout;    /* SO_SNDTIMEO: kept for getsockopt(), writes never wait */
    int receive_buffer, send_buffer;
    int receive_least, send_least; /* SO_RCVLOWAT, SO_SNDLOWAT: kept, packets are whole anyhow */
    struct linger linger;          /* SO_LINGER: kept, nothing waits to be sent */
    struct nfqueue_batch batch; /* verdicts that were given and not sent yet, see verdict_timer.h */
    struct divert_last last;
    struct nfqueue_ring ring;
    struct handoff_queue handoff_queue; /* what the sibling took for us */
    struct shared_lock taking;          /* of both siblings, in the memory of the AF_INET one */
    struct in_flight in_flight;
    uint8_t scratch[PACKET_MAX + 1]; /* a packet in one piece */
};

struct deferred_write;

/* What a process has of a socket. Its memory stays a socket's for ever, see fdtable.h. */
struct divert_socket {
    struct fd_object object;       /* first */
    struct divert_socket *next;    /* in the list of all that this process ever had */
    _Atomic bool taken;            /* is one, or is about to become one */
    int epoll_fd;                  /* our copy of what the program holds */
    int queue_fd;                  /* netlink; readable when the kernel has packets */
    int event_fd;                  /* readable when some have been taken from the kernel */
    int memory_fd;                 /* the file that shared is, or -1 if it is none */
    _Atomic int writable_fd;       /* see divert_writable_fd(); -1 for none */
    int cancel_state;              /* of the thread that has the lock */
    struct verdict_timer *timer;   /* of this process, or NULL */
    _Atomic bool verdicts_pending; /* this process gave verdicts that were not sent */
    bool is_view;                  /* only what this process knows of a sibling */
    bool handed_over;              /* under the lock: the sibling is to be told */
    struct divert_socket *sibling; /* of the other family on the port, a view; or NULL */
    struct deferred_write *_Atomic deferred; /* what signal handlers wrote, see write.c */
    struct divert_shared *shared;
    const struct options *options;
    struct interface_memo in;         /* where the packet came in that was read last */
    struct nfqueue_messages messages; /* for the ring */
};

/* IPPROTO_DIVERT_RESP and IPPROTO_DIVERT_INIT of OpenBSD and of include/divertshim/. */
enum divertfl { WANTED_INCOMING = 1, WANTED_OUTGOING = 2 };

/* The port of a bind(2): host byte order; or -EINVAL, -EAFNOSUPPORT. */
int divert_port_of(const struct divert_socket *s, const struct sockaddr *address, socklen_t len);

/* What divert(4) calls incoming. */
static inline bool divert_is_incoming(const struct nfqueue_packet *p)
{
    return p->hook == NF_INET_PRE_ROUTING || p->hook == NF_INET_LOCAL_IN;
}

/* What an AF_INET6 socket says of a packet. */
void divert_address6(struct divert_socket *s, const struct nfqueue_packet *p, uint16_t tag,
                     struct divert_address *address);

/* Where the address of a write sends a packet, and with which tag. Outgoing without an address. */
struct divert_destination {
    struct in_flight_direction direction;
    uint32_t scope; /* outgoing only: the interface of a link-local address, or 0 */
    uint16_t tag;   /* host byte order */
};

/* -EINVAL, -EAFNOSUPPORT, -EADDRNOTAVAIL. *to is zeros before. */
int divert_read_address(const struct divert_socket *s, const struct msghdr *msg,
                        struct divert_destination *to);

/* Most programs write with the address that the last packet was read with: it need not be read. */
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
 * Whether the socket may send a packet of that version: each sends its own, and with the
 * personality of FreeBSD those of AF_INET any. What may not be sent is EINVAL on OpenBSD.
 */
bool divert_may_send(const struct divert_socket *s, const void *packet, size_t len);

/* A socket with zeros in its memory, one reference and no descriptors; NULL without memory. */
struct divert_socket *divert_allocate(void);

/* One that is only known, on the memory of another. NULL if the file is none of ours. */
struct divert_socket *divert_allocate_view(int memory_fd);

/*
 * Before a port is bound, without the lock: the socket of the other family in this process that has
 * it, with a reference for the caller; or NULL.
 */
struct divert_socket *divert_find_other(struct divert_socket *s, unsigned port);

/* Whether a socket of this process has the port, or one may just have given it up. */
bool divert_have_port(unsigned port);

/* Under the lock: they become siblings. -EADDRINUSE if the other has one, or is not what it was. */
int divert_join(struct divert_socket *s, struct divert_socket *other);

/* Under the lock: the sibling, or NULL. When it has gone what it left is dropped. */
struct divert_socket *divert_sibling(struct divert_socket *s);

/*
 * Under the lock: a packet was taken out of the queue that is of the other family, or comes behind
 * what is in the socket's own handoff queue. Whether it is not for the ring: it went to a handoff
 * queue, or was dropped since no socket of its family is there.
 */
bool divert_hand_over(struct divert_socket *s, const struct nfqueue_packet *p);

/*
 * Under the lock, if packets were handed over: who is to be told, with a reference. And without the
 * lock: tells it, and gives up the reference.
 */
struct divert_socket *divert_take_told(struct divert_socket *s);
void divert_tell(struct divert_socket *view);

/* Siblings take packets from the kernel one after the other, so that they stay in order. */
int divert_take_in_turn(struct divert_socket *s, int (*take)(struct divert_socket *s));

/* Under the lock: drops what was not read, if the queue is a sibling's too and goes on. */
bool divert_drop_unread(struct divert_socket *s);

/* A sibling that the program before had; the descriptors become ours. */
void divert_adopt_sibling(struct divert_socket *s, int event_fd, int memory_fd);

/*
 * Around the end of a socket with a sibling: if it was the last process that had it, the kernel's
 * queue, which lives on, is rid of its packets. The first returns what the second wants, or NULL.
 */
struct divert_socket *divert_begin_parting(struct divert_socket *s);
void divert_end_parting(struct divert_socket *s, struct divert_socket *self);

/* Tells divert-run --status which netlink socket is behind it. */
void divert_note_netlink(struct divert_socket *s);

/*
 * The lock of a socket. Meanwhile the thread is not cancelled. -EDEADLK if a signal handler
 * interrupted this very thread while it had the lock: then nothing is locked.
 */
int divert_lock(struct divert_socket *s);

/* Packets that were read and wait to be written. */
static inline uint64_t divert_unwritten(const struct divert_socket *s)
{
    return (uint64_t)s->shared->in_flight.count + s->shared->last.outstanding;
}

/* Whether a packet can be read that has been taken from the kernel. */
static inline bool divert_has_packet(const struct divert_shared *shared)
{
    return !nfqueue_ring_empty(&shared->ring) || handoff_queue_waits(&shared->handoff_queue);
}

void divert_unlock(struct divert_socket *s);

/*
 * Under the lock: drops what is overdue and, if no packet is at hand, takes some from the kernel.
 * Returns whether one is at hand, or -errno.
 */
int divert_fill(struct divert_socket *s);

/* Under the lock: when the oldest outstanding packet is overdue, see divert_prepare_wait(). */
uint64_t divert_overdue_at(struct divert_socket *s);

/* Under the lock: drops what was read and not written in time. */
void divert_drop_overdue(struct divert_socket *s);

/* Under the lock: enters the packet that was read last into the in-flight table, where it can wait.
 */
void divert_add_in_flight(struct divert_socket *s);

/*
 * Under the lock, after an injection: rules by hand may have put the packet into our own queue,
 * where it is not to wait for the program's next read.
 */
void divert_pass_injected(struct divert_socket *s);

/* Under the lock: what signal handlers wrote while this thread had it. */
void divert_write_deferred(struct divert_socket *s);

/*
 * Under the lock: the kernel has a packet once more before the rule that diverted it, and cuts it
 * if large packets do not come uncut now. Returns 0, or -errno: the packet stays.
 */
int divert_send_back(struct divert_socket *s, const struct nfqueue_packet *p);

/* Under the lock, once bound: whether large packets come uncut. */
void divert_set_gso(struct divert_socket *s, bool on);

/*
 * Under the lock: gives a verdict. It is sent at once; or while packets are at hand for the program
 * to go on with, together with the next ones. One that the kernel does not take for want of memory
 * goes with the next ones, too. Returns 0, or -errno: it was not given.
 */
int divert_give_verdict(struct divert_socket *s, const struct nfqueue_verdict *v);

/*
 * Under the lock: whether all packets that came into a queue before one that was read have got
 * their verdict, though it may wait to be sent.
 */
bool divert_none_before(const struct divert_socket *s, uint16_t queue, uint32_t id);

/* Under the lock: sends the verdicts that wait for others. */
void divert_flush(struct divert_socket *s);

/* The same without the lock, or by a signal handler in spite of it. */
void divert_send_verdicts(struct divert_socket *s);

/* Under the lock: the packet is not to go on. Returns 0, or -errno if it stays for another try. */
int divert_drop(struct divert_socket *s, const struct in_flight_packet *packet);

/*
 * Under the lock: a packet out of the in-flight table whose verdict the kernel did not take, with
 * that error, goes back there. It can be written again, or is dropped later.
 */
void divert_leave_undecided(struct divert_socket *s, struct in_flight_packet packet, int err);

/* Has the socket's epoll descriptor tell of the kernel's packets and of the eventfd. 0 or -errno.
 */
int divert_watch_descriptors(struct divert_socket *s);

#endif
