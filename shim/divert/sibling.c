/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two sockets on one port, one for each family: siblings. There is one netfilter queue for both,
 * and they share its netlink socket. The one that takes packets out of it puts those of its sibling
 * into the sibling's handoff queue.
 *
 * What a process has of its socket's sibling is a view: a divert socket without a reference to the
 * descriptors of the program, which may all be closed, or be in other processes. That the sibling
 * is_alive is shown by a lock on its memory file, which stays until the last process that has the
 * socket is gone. To test it, the file must be opened once more.
 */
#include "divert/private.h"

#include "process/private_fd.h"
#include "real.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic unsigned siblings; /* sockets of this process that have a sibling */

bool divert_any_sibling(void)
{
    return atomic_load_explicit(&siblings, memory_order_relaxed) != 0;
}

static void set_sibling(struct divert_socket *s, struct divert_socket *view)
{
    if (view && !s->sibling)
        atomic_fetch_add(&siblings, 1);
    else if (!view && s->sibling)
        atomic_fetch_sub(&siblings, 1);
    s->sibling = view;
}

static int lock_file(int fd, int command, short *type)
{
    struct flock lock = {.l_type = *type, .l_whence = SEEK_SET};
    int err = real.fcntl(fd, command, &lock) < 0 ? -errno : 0;

    *type = lock.l_type;
    return err;
}

static void mark_alive(const struct divert_socket *s)
{
    short type = F_WRLCK;

    if (lock_file(s->memory_fd, F_OFD_SETLK, &type))
        log_line(LOG_DEBUG, "a divert socket's file cannot be locked");
}

/* fd is another open file description of the memory file. If in doubt, the socket is_alive. */
static bool is_alive(int fd)
{
    short type = F_WRLCK;

    return lock_file(fd, F_OFD_GETLK, &type) || type != F_UNLCK;
}

static int open_again(int fd)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return private_fd(open(path, O_RDWR | O_CLOEXEC));
}

static void drop(struct divert_socket *s, const struct nfqueue_packet *p)
{
    struct in_flight_packet packet = {.id = p->id, .queue = p->queue};

    if (!p->is_tee)
        divert_drop(s, &packet);
}

/* Drops the unread packets of a socket, through its own netlink socket or its sibling's. */
static void drop_unread(struct divert_socket *by, struct divert_shared *of)
{
    struct nfqueue_ring *ring = &of->ring;

    do {
        for (; !nfqueue_ring_empty(ring); ring->first++)
            drop(by, &ring->packet[ring->first]);
    } while (handoff_queue_take(&of->handoff_queue, ring));
}

static void drop_all(struct divert_socket *by, struct divert_shared *of)
{
    struct in_flight_packet packet;

    if (of->last.outstanding)
        divert_drop(by, &of->last.packet);
    of->last.outstanding = false;
    drop_unread(by, of);
    while (in_flight_expire(&of->in_flight, &packet)) {
        if (divert_drop(by, &packet))
            break;
    }
    divert_flush(by);
}

/* Others may find it dead at the same time. The lock of the dead one is taken last. */
static void drop_all_of_dead(struct divert_socket *by, struct divert_shared *dead)
{
    if (shared_lock(&dead->lock) == -EDEADLK)
        return;
    drop_all(by, dead);
    shared_unlock(&dead->lock);
}

struct divert_socket *divert_sibling(struct divert_socket *s)
{
    struct divert_socket *sibling = s->sibling;

    if (!sibling || is_alive(sibling->memory_fd))
        return sibling;
    drop_all_of_dead(s, sibling->shared);
    set_sibling(s, NULL);
    divert_release(sibling);
    return NULL;
}

bool divert_hand_over(struct divert_socket *s, const struct nfqueue_packet *p)
{
    struct divert_shared *own = s->shared;
    struct divert_socket *sibling;

    if (p->family == own->family) {
        if (!handoff_queue_waits(&own->handoff_queue))
            return false;
        if (!handoff_queue_put(&own->handoff_queue, &own->ring, p))
            drop(s, p);
        return true;
    }
    sibling = divert_sibling(s);
    if (!sibling && own->family == AF_INET && !s->options->openbsd)
        return false;
    if (sibling && !sibling->shared->cannot_receive &&
        handoff_queue_put(&sibling->shared->handoff_queue, &own->ring, p))
        s->handed_over = true;
    else
        drop(s, p);
    return true;
}

struct divert_socket *divert_sibling_to_notify(struct divert_socket *s)
{
    struct divert_socket *sibling = s->sibling;

    s->handed_over = false;
    if (sibling)
        fd_object_hold(&sibling->object);
    return sibling;
}

/* Unlocking a socket updates its eventfd. */
void divert_notify_sibling(struct divert_socket *view)
{
    if (divert_lock(view) == 0)
        divert_unlock(view);
    divert_release(view);
}

/* The sibling may be found dead meanwhile: the lock, in its memory, must not go with it. */
int divert_take_in_turn(struct divert_socket *s, int (*take)(struct divert_socket *s))
{
    struct divert_socket *sibling = s->sibling;
    struct divert_shared *ipv4 = s->shared->family == AF_INET ? s->shared : sibling->shared;
    int n = -EAGAIN;

    fd_object_hold(&sibling->object);
    if (shared_lock(&ipv4->taking) != -EDEADLK) {
        n = take(s);
        shared_unlock(&ipv4->taking);
    }
    divert_release(sibling);
    return n;
}

bool divert_drop_unread(struct divert_socket *s)
{
    if (!divert_sibling(s))
        return false;
    divert_add_in_flight(s);
    drop_unread(s, s->shared);
    divert_flush(s);
    return true;
}

/* Makes a view of a socket, with the netlink socket of s. Takes over the descriptors. */
static struct divert_socket *make_view(struct divert_socket *s, int event_fd, int memory_fd)
{
    struct divert_socket *view =
        event_fd < 0 || memory_fd < 0 ? NULL : divert_allocate_view(memory_fd);

    if (!view) {
        private_fd_close(event_fd);
        private_fd_close(memory_fd);
        return NULL;
    }
    view->queue_fd = s->queue_fd;
    view->event_fd = event_fd;
    return view;
}

static struct divert_socket *make_view_here(struct divert_socket *s,
                                            const struct divert_socket *other)
{
    return make_view(s, private_fd(real.fcntl(other->event_fd, F_DUPFD_CLOEXEC, 0)),
                     open_again(other->memory_fd));
}

void divert_adopt_sibling(struct divert_socket *s, int event_fd, int memory_fd)
{
    set_sibling(s, make_view(s, private_fd(event_fd), private_fd(memory_fd)));
}

/* The locks of both are held. */
static int join(struct divert_socket *s, struct divert_socket *other)
{
    struct divert_socket *theirs = make_view_here(s, other), *ours = make_view_here(other, s);

    if (!theirs || !ours || !other->shared->bound || divert_sibling(other) ||
        real.dup3(other->queue_fd, s->queue_fd, O_CLOEXEC) < 0) {
        if (theirs)
            divert_release(theirs);
        if (ours)
            divert_release(ours);
        return -EADDRINUSE;
    }
    divert_watch_descriptors(s); /* the netlink socket is another one now */
    divert_note_netlink(s);
    mark_alive(s);
    mark_alive(other);
    set_sibling(s, theirs);
    set_sibling(other, ours);
    s->shared->queue = other->shared->queue;
    s->shared->queues = other->shared->queues;
    s->shared->gso = other->shared->gso;
    return 0;
}

struct sibling_search {
    const struct divert_socket *of;
    unsigned port;
    struct divert_socket *found;
};

static void look_for_other(struct divert_socket *s, void *arg)
{
    struct sibling_search *search = arg;
    const struct divert_shared *shared = s->shared;

    if (!search->found && atomic_load(&shared->bound) && shared->port == search->port &&
        shared->family != search->of->shared->family) {
        fd_object_hold(&s->object);
        search->found = s;
    }
}

struct divert_socket *divert_find_other(struct divert_socket *s, unsigned port)
{
    struct sibling_search search = {.of = s, .port = port};

    divert_each(look_for_other, &search);
    return search.found;
}

int divert_join(struct divert_socket *s, struct divert_socket *other)
{
    int err = -EADDRINUSE;

    if (divert_lock(other) == 0) {
        err = join(s, other);
        divert_unlock(other);
    }
    return err;
}

struct divert_socket *divert_begin_parting(struct divert_socket *s)
{
    return make_view_here(s, s);
}

void divert_end_parting(struct divert_socket *s, struct divert_socket *self)
{
    struct divert_socket *sibling = s->sibling;

    if (self) {
        if (!is_alive(self->memory_fd))
            drop_all_of_dead(self, self->shared);
        divert_release(self);
    }
    set_sibling(s, NULL);
    divert_release(sibling);
}
