/* SPDX-License-Identifier: BSD-2-Clause */
#include "guard.h"

#include "hidden.h"
#include "own.h"
#include "real.h"
#include "shared_lock.h"

#include <errno.h>
#include <liburing.h>
#include <linux/netlink.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define REQUESTS    4      /* at once: the timer, what it sets off, the timer's removal */
#define PATIENCE_NS 500000 /* how long a verdict may wait */

#define TIMER 1 /* to name it by when it is removed */

struct guard {
    int fd; /* what is written to */
    struct io_uring ring;
    pid_t process;       /* whose it is */
    unsigned unanswered; /* requests */
    uint32_t armed_by;   /* thread id, 0 for not armed */
    struct __kernel_timespec patience;
    struct sockaddr_nl kernel;
    struct iovec iov;
    struct msghdr msg;
};

_Atomic unsigned guards_armed;

static _Atomic bool impossible;

static int open_ring(struct io_uring *ring)
{
    int err = io_uring_queue_init(REQUESTS, ring, 0);

    if (!err)
        ring->ring_fd = ring->enter_ring_fd = hidden_fd(ring->ring_fd);
    return err;
}

static void close_ring(struct io_uring *ring)
{
    hidden_close(ring->ring_fd);
    ring->ring_fd = -1; /* is closed */
    io_uring_queue_exit(ring);
}

/*
 * A filter of system calls may end the process for one that its author has not thought of. It stays
 * for ever, and so does what is found out here: the next packet does not ask again.
 */
static bool is_possible(void)
{
    if (atomic_load_explicit(&impossible, memory_order_relaxed))
        return false;
    if (real.prctl(PR_GET_SECCOMP) == 0)
        return true;
    atomic_store(&impossible, true);
    return false;
}

static struct guard *try_open(void)
{
    struct guard *g =
        mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (g != MAP_FAILED && open_ring(&g->ring) == 0)
        return g;
    if (g != MAP_FAILED)
        munmap(g, sizeof(*g));
    atomic_store(&impossible, true);
    return NULL;
}

struct guard *guard_open(int fd, const struct nfq_batch *batch)
{
    int saved = errno;
    struct guard *g = is_possible() ? try_open() : NULL;

    errno = saved;
    if (!g)
        return NULL;
    g->fd = fd;
    g->process = own_process();
    g->patience.tv_nsec = PATIENCE_NS;
    g->kernel.nl_family = AF_NETLINK;
    g->iov = (struct iovec){(void *)batch->bytes, sizeof(batch->bytes)};
    g->msg = (struct msghdr){.msg_name = &g->kernel,
                             .msg_namelen = sizeof(g->kernel),
                             .msg_iov = &g->iov,
                             .msg_iovlen = 1};
    return g;
}

bool guard_armed(struct guard *g)
{
    return g->armed_by && g->process == own_process();
}

void guard_close(struct guard *g)
{
    if (!g)
        return;
    if (guard_armed(g))
        atomic_fetch_sub(&guards_armed, 1);
    close_ring(&g->ring);
    munmap(g, sizeof(*g));
}

/* Takes the kernel's answers. Returns whether it knew all requests. */
static bool reap(struct guard *g)
{
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    bool known = true;

    io_uring_for_each_cqe(&g->ring, head, cqe)
    {
        known &= cqe->res != -EINVAL;
        count++;
    }
    io_uring_cq_advance(&g->ring, count);
    g->unanswered -= count;
    return known;
}

static bool submit(struct guard *g, int count)
{
    int saved = errno, n = io_uring_submit(&g->ring);

    errno = saved;
    if (n > 0)
        g->unanswered += (unsigned)n;
    return n == count;
}

/*
 * The whole batch is sent: behind its last verdict it holds a length of zero, where the kernel
 * stops. It reads the bytes when the time has come.
 */
bool guard_arm(struct guard *g)
{
    struct io_uring_sqe *timer, *sending;

    if (!g->process || g->process != own_process())
        return false;
    reap(g);
    if (g->unanswered || !is_possible())
        return false;
    timer = io_uring_get_sqe(&g->ring);
    io_uring_prep_timeout(timer, &g->patience, 0, IORING_TIMEOUT_ETIME_SUCCESS);
    timer->user_data = TIMER;
    timer->flags |= IOSQE_IO_LINK;
    sending = io_uring_get_sqe(&g->ring);
    io_uring_prep_sendmsg(sending, g->fd, &g->msg, MSG_DONTWAIT);
    if (!submit(g, 2) || !reap(g)) {
        atomic_store(&impossible, true);
        return false;
    }
    g->armed_by = shared_lock_self;
    atomic_fetch_add(&guards_armed, 1);
    return true;
}

bool guard_armed_here(struct guard *g)
{
    return guard_armed(g) && g->armed_by == shared_lock_self && io_uring_cq_ready(&g->ring) == 0;
}

void guard_disarm(struct guard *g)
{
    g->armed_by = 0;
    if (!io_uring_cq_ready(&g->ring)) {
        io_uring_prep_timeout_remove(io_uring_get_sqe(&g->ring), TIMER, 0);
        submit(g, 1);
    }
    reap(g);
    atomic_fetch_sub(&guards_armed, 1); /* others may wait now, and are not interrupted */
}
