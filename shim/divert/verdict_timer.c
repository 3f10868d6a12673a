/* SPDX-License-Identifier: BSD-2-Clause */
#include "divert/verdict_timer.h"

#include "process/fork.h"
#include "process/private_fd.h"
#include "process/shared_lock.h"
#include "real.h"

#include <errno.h>
#include <liburing.h>
#include <linux/netlink.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define REQUESTS    4      /* at once: the timer, what it sets off, the timer's removal */
#define PATIENCE_NS 500000 /* how long a verdict may wait */

#define TIMER 1 /* to name it by when it is removed */

struct verdict_timer {
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

_Atomic unsigned verdict_timers_armed;

static _Atomic bool impossible;

static int open_ring(struct io_uring *ring)
{
    int err = io_uring_queue_init(REQUESTS, ring, 0);

    if (!err)
        ring->ring_fd = ring->enter_ring_fd = private_fd(ring->ring_fd);
    return err;
}

static void close_ring(struct io_uring *ring)
{
    private_fd_close(ring->ring_fd);
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

static struct verdict_timer *try_open(void)
{
    struct verdict_timer *g =
        mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (g != MAP_FAILED && open_ring(&g->ring) == 0)
        return g;
    if (g != MAP_FAILED)
        munmap(g, sizeof(*g));
    atomic_store(&impossible, true);
    return NULL;
}

struct verdict_timer *verdict_timer_open(int fd, const struct nfqueue_batch *batch)
{
    int saved = errno;
    struct verdict_timer *g = is_possible() ? try_open() : NULL;

    errno = saved;
    if (!g)
        return NULL;
    g->fd = fd;
    g->process = process_id();
    g->patience.tv_nsec = PATIENCE_NS;
    g->kernel.nl_family = AF_NETLINK;
    g->iov = (struct iovec){(void *)batch->bytes, sizeof(batch->bytes)};
    g->msg = (struct msghdr){.msg_name = &g->kernel,
                             .msg_namelen = sizeof(g->kernel),
                             .msg_iov = &g->iov,
                             .msg_iovlen = 1};
    return g;
}

bool verdict_timer_armed(struct verdict_timer *g)
{
    return g->armed_by && g->process == process_id();
}

void verdict_timer_close(struct verdict_timer *g)
{
    if (!g)
        return;
    if (verdict_timer_armed(g))
        atomic_fetch_sub(&verdict_timers_armed, 1);
    close_ring(&g->ring);
    munmap(g, sizeof(*g));
}

/* Takes the kernel's answers. Returns whether it knew all requests. */
static bool reap(struct verdict_timer *g)
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

static bool submit(struct verdict_timer *g, int count)
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
bool verdict_timer_arm(struct verdict_timer *g)
{
    struct io_uring_sqe *timer, *sending;

    if (!g->process || g->process != process_id())
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
    atomic_fetch_add(&verdict_timers_armed, 1);
    return true;
}

bool verdict_timer_armed_here(struct verdict_timer *g)
{
    return verdict_timer_armed(g) && g->armed_by == shared_lock_self &&
           io_uring_cq_ready(&g->ring) == 0;
}

void verdict_timer_disarm(struct verdict_timer *g)
{
    g->armed_by = 0;
    if (!io_uring_cq_ready(&g->ring)) {
        io_uring_prep_timeout_remove(io_uring_get_sqe(&g->ring), TIMER, 0);
        submit(g, 1);
    }
    reap(g);
    atomic_fetch_sub(&verdict_timers_armed, 1); /* others may wait now, and are not interrupted */
}
