/* SPDX-License-Identifier: BSD-2-Clause */
#include "divert/private.h"

#include "divert/tracing.h"
#include "netif/interfaces.h"
#include "nflog.h"
#include "process/private_fd.h"
#include "process/privileges.h"
#include "real.h"
#include "util/clock.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PROTOCOL_DIVERT     258 /* IPPROTO_DIVERT of FreeBSD and OpenBSD */
#define PROTOCOL_DIVERT_OLD 254 /* of older FreeBSD, macOS and the old Linux patch */
#define FAMILY_DIVERT       258 /* PF_DIVERT in include/divertshim/ */

#define EPHEMERAL_FIRST 49152 /* ports that bind() picks from, as in_pcbbind() of BSD does */
#define EPHEMERAL_LAST  65535

#define BIND_ATTEMPTS 5

#define BUFFER_DEFAULT 65536 /* net.inet.divert.recvspace of FreeBSD, what getsockopt() tells */

bool divert_wanted(int domain, int type, int protocol)
{
    if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_RAW)
        return false;
    if (domain == FAMILY_DIVERT)
        return protocol == 0;
    if (domain != AF_INET && domain != AF_INET6)
        return false;
    return protocol == PROTOCOL_DIVERT || protocol == PROTOCOL_DIVERT_OLD;
}

/* Raw sockets take privileges on BSD, when they are made and not when they are used. */
static int check_privilege(void)
{
    int fd = real.socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

    if (fd < 0)
        return -errno;
    real.close(fd);
    return 0;
}

void divert_note_netlink(struct divert_socket *s)
{
    struct stat st;

    s->shared->status.netlink = real.fstat(s->queue_fd, &st) < 0 ? 0 : st.st_ino;
}

/* What the descriptor's entry says in /proc: by this it is known again. */
static int watch_descriptor(struct divert_socket *s, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = s->shared->identity};

    return real.epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int divert_watch_descriptors(struct divert_socket *s)
{
    int err = watch_descriptor(s, s->queue_fd);

    if (!err)
        err = watch_descriptor(s, s->event_fd);
    return err == -EEXIST ? 0 : err;
}

/* The epoll descriptor that the program gets, which is readable exactly while a packet can be read.
 */
static int open_epoll(int type)
{
    int fd = epoll_create1(type & SOCK_CLOEXEC ? EPOLL_CLOEXEC : 0);

    if (fd >= 0 && (type & SOCK_NONBLOCK))
        real.fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

static int open_private_descriptors(struct divert_socket *s, int program_fd)
{
    s->epoll_fd = private_fd(real.fcntl(program_fd, F_DUPFD_CLOEXEC, 0));
    if (s->epoll_fd >= 0)
        s->event_fd = private_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (s->event_fd < 0)
        return -errno;
    s->queue_fd = private_fd(nfqueue_open());
    return s->queue_fd < 0 ? s->queue_fd : divert_watch_descriptors(s);
}

static int open_descriptors(struct divert_socket *s, int type, int *fd)
{
    int err;

    *fd = open_epoll(type);
    if (*fd < 0)
        return *fd;
    err = open_private_descriptors(s, *fd);
    if (err)
        real.close(*fd);
    else
        divert_note_netlink(s);
    return err;
}

int divert_open(int domain, int type, int protocol, int *fd, struct divert_socket **out)
{
    const struct options *options = options_get();
    struct divert_socket *s;
    int err = options ? check_privilege() : -EINVAL;

    if (err)
        return err;
    s = divert_allocate();
    if (!s)
        return -ENOMEM;
    s->shared->family = domain == AF_INET6 ? AF_INET6 : AF_INET;
    s->shared->status.family = (uint32_t)s->shared->family;
    s->shared->protocol = protocol;
    s->shared->nonblocking = type & SOCK_NONBLOCK;
    s->shared->receive_buffer = s->shared->send_buffer = BUFFER_DEFAULT;
    err = open_descriptors(s, type, fd);
    if (err) {
        divert_release(s);
        return err;
    }
    trace_start(false);
    *out = s;
    return 0;
}

/* It is never read while it is empty, but a process may have been killed in between. */
static void drain_eventfd(struct divert_socket *s)
{
    uint64_t count;

    if (real.read(s->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        log_line(LOG_DEBUG, "eventfd: %s", strerror(errno));
    s->shared->eventfd_set = false;
}

static void update_eventfd(struct divert_socket *s, bool readable)
{
    static const uint64_t one = 1;

    if (!readable)
        drain_eventfd(s);
    else if (real.write(s->event_fd, &one, sizeof(one)) >= 0)
        s->shared->eventfd_set = true;
}

/*
 * A process died in the middle of things. The verdicts that it gave count; what it left half done
 * is thrown away. What the kernel has for a sibling and nobody has taken yet is left alone.
 */
static void start_over(struct divert_socket *s)
{
    struct divert_shared *shared = s->shared;

    drain_eventfd(s);
    nfqueue_flush_twice(s->queue_fd, &shared->batch);
    nfqueue_forget(&shared->batch);
    for (unsigned i = 0; i < shared->queues; i++) {
        uint16_t queue = (uint16_t)(shared->queue + i);

        if (s->sibling)
            nfqueue_drop_up_to(s->queue_fd, queue, shared->ring.last_id);
        else
            nfqueue_drop_all(s->queue_fd, queue, shared->ring.last_id);
    }
    shared->status.abandoned += divert_unwritten(s);
    in_flight_reset(&shared->in_flight);
    shared->last.outstanding = false;
    shared->ring.first = shared->ring.end;
    shared->left_half_done = false;
}

int divert_lock(struct divert_socket *s)
{
    struct divert_shared *shared = s->shared;
    int cancel_state, err;

    process_id(); /* a child is noticed: it is another owner */
    privileges_follow();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    err = shared_lock(&shared->lock);
    if (err == -EDEADLK) {
        pthread_setcancelstate(cancel_state, NULL);
        return err;
    }
    s->cancel_state = cancel_state;
    if (err == -EOWNERDEAD && !shared->view_locked)
        shared->left_half_done = true;
    shared->view_locked = s->is_view;
    if (__builtin_expect(shared->left_half_done, 0) && !s->is_view)
        start_over(s);
    return 0;
}

/* The siblings are told without the lock: theirs comes before. */
static void unlock_once(struct divert_socket *s)
{
    struct divert_shared *shared = s->shared;
    bool readable = shared->cannot_receive || divert_has_packet(shared);
    struct divert_socket *told = NULL;
    int cancel_state = s->cancel_state;

    if (readable != shared->eventfd_set)
        update_eventfd(s, readable);
    if (!s->is_view) {
        shared->status.unwritten = divert_unwritten(s);
        atomic_store_explicit(&shared->buffered,
                              shared->cannot_receive || !nfqueue_ring_empty(&shared->ring),
                              memory_order_relaxed);
    }
    if (__builtin_expect(s->handed_over, 0))
        told = divert_take_told(s);
    shared_unlock(&shared->lock);
    if (told)
        divert_tell(told);
    pthread_setcancelstate(cancel_state, NULL);
}

/* A signal handler may write until the lock is free, and finds it free afterwards. */
void divert_unlock(struct divert_socket *s)
{
    for (;;) {
        if (__builtin_expect(atomic_load(&s->deferred) != NULL, 0))
            divert_write_deferred(s);
        unlock_once(s);
        if (__builtin_expect(atomic_load(&s->deferred) == NULL, 1) || divert_lock(s))
            return;
    }
}

void divert_set_gso(struct divert_socket *s, bool on)
{
    s->shared->gso = on;
    for (unsigned i = 0; i < s->shared->queues; i++)
        nfqueue_set_gso(s->queue_fd, (uint16_t)(s->shared->queue + i), on);
}

/* The kernel says EPERM of a queue that another socket has, and of one that it may not have. */
static int bind_error(int err)
{
    if (err == -EPERM)
        return privileges_has_net_admin() ? -EADDRINUSE : -EACCES;
    return err;
}

/* Takes count queues from first on, all or none. */
static int bind_queues(struct divert_socket *s, unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int err = bind_error(nfqueue_bind(s->queue_fd, (uint16_t)(first + i)));

        if (!err)
            continue;
        while (i-- > 0)
            nfqueue_unbind(s->queue_fd, (uint16_t)(first + i));
        return err;
    }
    s->shared->queue = (uint16_t)first;
    s->shared->queues = count;
    if (s->options->gso)
        divert_set_gso(s, true);
    return 0;
}

static int start_queues(struct divert_socket *s)
{
    int err = 0;

    for (unsigned i = 0; i < s->shared->queues && !err; i++)
        err = nfqueue_start(s->queue_fd, (uint16_t)(s->shared->queue + i), s->options->queue_len);
    for (unsigned i = 0; i < s->shared->queues && err; i++)
        nfqueue_unbind(s->queue_fd, (uint16_t)(s->shared->queue + i));
    return err;
}

/* One of the port's queues, the first that no other listener has. */
static int bind_balanced(struct divert_socket *s, unsigned port)
{
    int err = -EADDRINUSE;

    for (unsigned i = 0; i < s->options->listeners && err == -EADDRINUSE; i++)
        err = bind_queues(s, port + i, 1);
    return err;
}

static int bind_port(struct divert_socket *s, unsigned port)
{
    if (port + s->options->listeners - 1 > UINT16_MAX)
        return -EADDRNOTAVAIL;
    return s->shared->balanced ? bind_balanced(s, port)
                               : bind_queues(s, port, s->options->listeners);
}

/* Copies that a tee rule makes come to the NFLOG group of the port's number. */
static void bind_copies(struct divert_socket *s)
{
    unsigned port = s->shared->port;
    int err = s->shared->queue == port ? nflog_bind(s->queue_fd, (uint16_t)port) : 0;

    if (err)
        log_line(LOG_INFO, "port %u gets no copies from tee rules: NFLOG group %u: %s", port, port,
                 strerror(-err));
}

/* Port 0 leaves the choice to us. other has the port for the other family. */
static int bind_any(struct divert_socket *s, unsigned port, struct divert_socket *other)
{
    unsigned last = port ? port : EPHEMERAL_LAST, step = s->options->listeners;
    int err = -EADDRINUSE;

    for (unsigned p = port ? port : EPHEMERAL_FIRST; p <= last && err == -EADDRINUSE; p += step) {
        err = bind_port(s, p);
        s->shared->port = (uint16_t)p;
    }
    if (err == -EADDRINUSE && other)
        err = divert_join(s, other);
    if (!err && !s->sibling) {
        bind_copies(s);
        err = start_queues(s);
    }
    s->shared->bound = err == 0;
    if (err)
        s->shared->port = 0;
    s->shared->status.port = s->shared->port;
    if (err == -EOPNOTSUPP)
        log_line(LOG_ERROR, "this kernel has no NFQUEUE: it needs nfnetlink_queue "
                            "(CONFIG_NETFILTER_NETLINK_QUEUE); try: modprobe nfnetlink_queue");
    return err;
}

static int bind_locked(struct divert_socket *s, unsigned port, struct divert_socket *other)
{
    int err = divert_lock(s);

    if (err)
        return err;
    err = atomic_load(&s->shared->bound) ? -EINVAL : bind_any(s, port, other);
    divert_unlock(s);
    return err;
}

/*
 * Somebody has the port. If it is a socket of this process, of the other family, the two share it;
 * and one that has just been closed goes a moment later, if another thread is looking at it.
 */
static int bind_again(struct divert_socket *s, unsigned port)
{
    const struct timespec moment = {.tv_nsec = (long)NS_PER_MS};
    int err = -EADDRINUSE;

    for (int i = 0; i < BIND_ATTEMPTS && err == -EADDRINUSE && divert_have_port(port); i++) {
        struct divert_socket *other = divert_find_other(s, port);

        if (!other)
            nanosleep(&moment, NULL);
        err = bind_locked(s, port, other);
        if (other)
            divert_release(other);
    }
    return err;
}

static int bind_socket(struct divert_socket *s, unsigned port)
{
    int err = bind_locked(s, port, NULL);

    return err == -EADDRINUSE && port ? bind_again(s, port) : err;
}

int divert_bind(struct divert_socket *s, const struct sockaddr *address, socklen_t len)
{
    int port = divert_port_of(s, address, len), err;

    if (port < 0)
        return port;
    err = bind_socket(s, (unsigned)port);
    if (!err)
        interfaces_refresh();
    return err;
}

int divert_getsockname(struct divert_socket *s, struct sockaddr *address, socklen_t *len)
{
    struct sockaddr_in6 own = {
        .sin6_family = (sa_family_t)s->shared->family,
        .sin6_port = htons(s->shared->port), /* where sin_port is */
    };
    socklen_t size = s->shared->family == AF_INET6 ? sizeof(own) : sizeof(struct sockaddr_in);

    memcpy(address, &own, *len < size ? *len : size);
    *len = size;
    return 0;
}

uint64_t divert_overdue_at(struct divert_socket *s)
{
    const struct in_flight_packet *oldest = in_flight_oldest(&s->shared->in_flight);

    if (!oldest && s->shared->last.outstanding)
        oldest = &s->shared->last.packet;
    return oldest ? oldest->read_at + s->options->hold_ms * NS_PER_MS : DIVERT_NEVER;
}

static void note_expired(struct divert_socket *s, const struct in_flight_packet *packet)
{
    status_count(&s->shared->status.expired, packet->len);
    if (trace_on())
        divert_trace_dropped(s, packet, "not written in time");
}

void divert_drop_overdue(struct divert_socket *s)
{
    struct in_flight_packet packet;
    uint64_t overdue_at = divert_overdue_at(s);

    while (overdue_at != DIVERT_NEVER && overdue_at <= clock_ns()) {
        divert_add_in_flight(s);
        in_flight_expire(&s->shared->in_flight, &packet);
        if (divert_drop(s, &packet) == 0)
            note_expired(s, &packet);
        overdue_at = divert_overdue_at(s);
    }
}

/*
 * What was injected is never diverted again by rules that know nothing of tags: it carries the tag
 * that stands above all rules, and goes on from here. It loses the tag where its way ends.
 */
static bool pass_injected(struct divert_socket *s, const struct nfqueue_packet *p)
{
    struct nfqueue_verdict v = {
        .id = p->id, .queue = p->queue, .verdict = NF_ACCEPT, .mark = p->mark};

    if (s->options->tags || options_tag_of_mark(s->options, p->mark) != TAG_PAST_ALL)
        return false;
    if (p->is_tee)
        return true;
    if (p->hook == NF_INET_POST_ROUTING || p->hook == NF_INET_LOCAL_IN)
        v.mark = options_mark_with_tag(s->options, p->mark, 0);
    divert_give_verdict(s, &v);
    return true;
}

/* The packet that was read last stays as it is while its half of the ring is not filled anew. */
static void keep_last(struct divert_socket *s)
{
    const struct nfqueue_ring *ring = &s->shared->ring;
    bool turns = nfqueue_ring_empty(ring) && ring->used != ring->base;

    if (turns &&
        s->shared->last.number / NFQUEUE_SLOTS == nfqueue_ring_next_base(ring) / NFQUEUE_SLOTS)
        divert_add_in_flight(s);
}

/* Takes packets from the kernel, if there is room; returns how many there are for the program. */
static int fill_alone(struct divert_socket *s)
{
    struct nfqueue_ring *ring = &s->shared->ring;
    uint32_t end, kept;
    bool behind;
    int n;

    divert_flush(s);
    keep_last(s);
    n = nfqueue_fill(s->queue_fd, ring);
    end = ring->end;
    if (n <= 0)
        return n;
    behind = handoff_queue_waits(&s->shared->handoff_queue);
    kept = end - (uint32_t)n;
    for (uint32_t i = kept; i < end; i++) {
        bool other = behind || ring->packet[i].family != s->shared->family;

        if (pass_injected(s, &ring->packet[i]) ||
            (__builtin_expect(other, 0) && divert_hand_over(s, &ring->packet[i])))
            continue;
        if (kept != i)
            ring->packet[kept] = ring->packet[i];
        kept++;
    }
    ring->end = kept;
    interfaces_refresh(); /* what changed before these packets came is seen with them */
    return n;
}

static int fill(struct divert_socket *s)
{
    if (__builtin_expect(s->sibling != NULL, 0))
        return divert_take_in_turn(s, fill_alone);
    return fill_alone(s);
}

int divert_fill(struct divert_socket *s)
{
    struct nfqueue_ring *ring = &s->shared->ring;

    divert_drop_overdue(s);
    while (nfqueue_ring_empty(ring)) {
        int n;

        keep_last(s);
        if (handoff_queue_waits(&s->shared->handoff_queue) &&
            handoff_queue_take(&s->shared->handoff_queue, ring))
            break;
        n = fill(s);
        if (n <= 0)
            return n;
    }
    return 1;
}

void divert_pass_injected(struct divert_socket *s)
{
    if (s->options->tags || !s->shared->bound)
        return;
    while (fill(s) > 0) {
        /* on its way it may come to a second queue rule */
    }
}

int divert_next_len(struct divert_socket *s)
{
    int len = divert_lock(s);

    if (len)
        return 0;
    if (!s->shared->cannot_receive && divert_fill(s) > 0)
        len = (int)s->shared->ring.packet[s->shared->ring.first].len;
    divert_unlock(s);
    return len;
}
