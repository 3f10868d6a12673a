/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a divert socket, for divert*.c. */
#ifndef DIVERTSHIM_DIVERT_PRIVATE_H
#define DIVERTSHIM_DIVERT_PRIVATE_H

#include "divert.h"
#include "ledger.h"
#include "nfq.h"
#include "options.h"
#include "shared_lock.h"
#include "status.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

/*
 * The packet that was read last. Most programs write it next: then it is known by its bytes, which
 * lie in the ring still, and never enters the ledger.
 */
struct divert_last {
    bool outstanding;
    uint32_t number; /* in the ring */
    struct ledger_packet packet;
};

/*
 * What all processes that inherited the socket share, as they would share a socket in the kernel.
 * The lock is never held while waiting.
 */
struct divert_shared {
    struct status status; /* first: read by others */
    uint64_t magic;       /* the layout of all this, see divert_adopt() */
    uint64_t seed;        /* of the packets' keys in the ledger */
    struct shared_lock lock;
    int family; /* as given to socket() */
    int protocol;
    bool bound;
    bool nonblocking;
    bool announced;                   /* the eventfd is readable */
    bool cannot_send, cannot_receive; /* after shutdown() */
    uint32_t flags;              /* SO_BROADCAST and the like, a bit each: kept for getsockopt() */
    uint16_t port;               /* host byte order */
    uint16_t queue;              /* the first of those that are ours: the port's or one behind */
    unsigned queues;             /* how many, once bound */
    bool balanced;               /* SO_REUSEPORT_LB: others may have the rest of the port's */
    bool gso;                    /* the queues hand large packets over uncut */
    unsigned waiting;            /* threads, of all processes, that wait for a packet */
    unsigned watched;            /* by epoll instances */
    uint64_t receive_timeout;    /* SO_RCVTIMEO in nanoseconds, 0 for none */
    struct timeval send_timeout; /* SO_SNDTIMEO: kept for getsockopt(), writes never wait */
    int receive_buffer, send_buffer;
    struct nfq_batch batch; /* verdicts that were given and not sent yet, but see guard.h */
    struct divert_last last;
    struct nfq_ring ring;
    struct ledger ledger;
    uint8_t scratch[PACKET_MAX + 1]; /* a packet in one piece */
};

struct divert_socket {
    _Atomic unsigned references;
    struct divert_socket *next_unused;
    int queue_fd;        /* netlink; readable when the kernel has packets */
    int event_fd;        /* our copy of what the program holds */
    int memory_fd;       /* the file that shared is, or -1 if it is none */
    struct guard *guard; /* of this process, or NULL */
    struct divert_shared *shared;
    const struct options *options;
};

/* A socket with zeros in its memory, one reference and no descriptors; NULL without memory. */
struct divert_socket *divert_allocate(void);

/* -EAGAIN if a signal handler interrupted this very thread while it had the lock. */
int divert_lock(struct divert_socket *s);
void divert_unlock(struct divert_socket *s);

/*
 * Under the lock: drops what is overdue and, if no packet is at hand, takes some from the kernel.
 * Returns whether one is at hand, or -errno.
 */
int divert_pump(struct divert_socket *s);

/* Under the lock: when the oldest outstanding packet is overdue, see divert_deadline(). */
uint64_t divert_overdue_at(struct divert_socket *s);

/* Under the lock: enters the packet that was read last into the ledger, where it can wait. */
void divert_settle(struct divert_socket *s);

/*
 * Under the lock, after an injection: rules by hand may have put the packet into our own queue,
 * where it is not to wait for the program's next read.
 */
void divert_pass_injected(struct divert_socket *s);

/* Under the lock: makes the eventfd tell whether packets are at hand, if anybody looks at it. */
void divert_announce(struct divert_socket *s);

/* Under the lock, once bound: whether large packets come uncut. */
void divert_set_gso(struct divert_socket *s, bool on);

/*
 * Under the lock: gives a verdict. It is sent at once; or while packets are at hand for the program
 * to go on with, together with the next ones. One that the kernel does not take for want of memory
 * goes with the next ones, too. Returns 0, or -errno: it was not given.
 */
int divert_give_verdict(struct divert_socket *s, const struct nfq_verdict *v);

/* Under the lock: whether there are verdicts that were not sent. */
bool divert_verdicts_wait(const struct divert_socket *s);

/* Under the lock: sends what was put off. */
void divert_flush(struct divert_socket *s);

/* Packets that were read and wait to be written. */
static inline uint64_t divert_unwritten(const struct divert_socket *s)
{
    return (uint64_t)s->shared->ledger.count + s->shared->last.outstanding;
}

/* Under the lock: the packet is not to go on. Returns 0, or -errno if it stays for another try. */
int divert_drop(struct divert_socket *s, const struct ledger_packet *packet);

/*
 * Under the lock: a packet out of the ledger whose verdict the kernel did not take, with that
 * error, goes back there. It can be written again, or is dropped later.
 */
void divert_leave_undecided(struct divert_socket *s, struct ledger_packet packet, int err);

/* Without the lock: 0 when there may be something to read, -EAGAIN at the deadline, -EINTR. */
int divert_wait(struct divert_socket *s, uint64_t deadline);

#endif
