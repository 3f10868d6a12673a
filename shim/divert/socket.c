/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a divert socket, its descriptors, and its lock. */
#include "divert/private.h"

#include "process/private_fd.h"
#include "process/privileges.h"
#include "real.h"
#include "trace/trace.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PROTOCOL_DIVERT     258 /* IPPROTO_DIVERT of FreeBSD and OpenBSD */
#define PROTOCOL_DIVERT_OLD 254 /* of older FreeBSD, macOS and the old Linux patch */
#define FAMILY_DIVERT       258 /* PF_DIVERT in include/divertshim/ */

#define BUFFER_DEFAULT 65536 /* FreeBSD's net.inet.divert.recvspace; getsockopt() returns it */

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

/* BSD asks for privileges when a raw socket is made, not when it is used. */
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

/* The identity is shown in /proc/PID/fdinfo, where is_epoll_with() looks for it. */
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
    s->queue_fd = private_fd(nfnetlink_open());
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
    s->shared->receive_least = s->shared->send_least = 1;
    err = open_descriptors(s, type, fd);
    if (err) {
        divert_release(s);
        return err;
    }
    trace_start(false);
    *out = s;
    return 0;
}

/* It is read only if it was set; but a process may have been killed in between. */
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

/* With several queues it is not known which packet was taken out of each last. */
static void drop_taken(struct divert_socket *s)
{
    struct divert_shared *shared = s->shared;

    shared->drop_gap = shared->queues == 1 && !s->sibling;
    for (unsigned i = 0; i < shared->queues; i++) {
        uint16_t queue = (uint16_t)(shared->queue + i);

        if (shared->drop_gap || s->sibling)
            nfqueue_drop_up_to(s->queue_fd, queue, shared->ring.last_id);
        else
            nfqueue_drop_all(s->queue_fd, queue, shared->ring.last_id);
    }
}

/*
 * A process died while it held the lock. The verdicts that it gave count; what it left half done is
 * thrown away. Packets that are still with the kernel are left alone.
 */
static void start_over(struct divert_socket *s)
{
    struct divert_shared *shared = s->shared;

    drain_eventfd(s);
    nfqueue_flush_twice(s->queue_fd, &shared->batch);
    nfqueue_forget(&shared->batch);
    drop_taken(s);
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

    process_id(); /* notices a child, which is another owner */
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

/* The sibling's eventfd is updated without the lock, since the sibling's lock comes before it. */
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
        told = divert_sibling_to_notify(s);
    shared_unlock(&shared->lock);
    if (told)
        divert_notify_sibling(told);
    pthread_setcancelstate(cancel_state, NULL);
}

/*
 * A signal handler may defer a write until the lock is free, so that is checked once more
 * afterwards.
 */
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
