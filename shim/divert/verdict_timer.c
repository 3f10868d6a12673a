/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer that sends pending verdicts: two linked requests in an io_uring. */
#include "divert/verdict_timer.h"

#include "process/private_fd.h"
#include "process/process.h"
#include "real.h"

#include <errno.h>
#include <liburing.h>
#include <linux/netlink.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define REQUESTS         4      /* in flight together: timer, sendmsg, removal of the timer */
#define VERDICT_DELAY_NS 900000 /* how long a verdict may wait */

/* user_data of the requests, by which their completions are told apart. */
#define TIMER   1
#define SENDING 2
#define REMOVAL 3

struct verdict_timer {
    int fd; /* the netlink socket */
    struct io_uring ring;
    pid_t process;       /* that opened it */
    unsigned unanswered; /* requests without a completion */
    uint32_t armed_by;   /* thread id, 0 for not armed */
    bool filtered;       /* the user allows it under a seccomp filter */
    struct __kernel_timespec delay;
    struct sockaddr_nl kernel;
    struct iovec iov;
    struct msghdr msg;
};

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
    ring->ring_fd = -1; /* closed above */
    io_uring_queue_exit(ring);
}

/*
 * A seccomp filter may kill the process for a system call that its author did not think of. It can
 * never be removed, so the answer is kept, and the next packet does not ask again. The user may
 * know that the filter only returns an error.
 */
static bool is_possible(bool filtered)
{
    if (atomic_load_explicit(&impossible, memory_order_relaxed))
        return false;
    if (filtered || real.prctl(PR_GET_SECCOMP) == 0)
        return true;
    atomic_store(&impossible, true);
    return false;
}

static struct verdict_timer *try_open(void)
{
    struct verdict_timer *t =
        mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (t != MAP_FAILED && open_ring(&t->ring) == 0)
        return t;
    if (t != MAP_FAILED)
        munmap(t, sizeof(*t));
    atomic_store(&impossible, true);
    return NULL;
}

struct verdict_timer *verdict_timer_open(int fd, const struct nfqueue_batch *batch, bool filtered)
{
    int saved = errno;
    struct verdict_timer *t = is_possible(filtered) ? try_open() : NULL;

    errno = saved;
    if (!t)
        return NULL;
    t->fd = fd;
    t->process = process_id();
    t->filtered = filtered;
    t->delay.tv_nsec = VERDICT_DELAY_NS;
    t->kernel.nl_family = AF_NETLINK;
    t->iov = (struct iovec){(void *)batch->bytes, sizeof(batch->bytes)};
    t->msg = (struct msghdr){.msg_name = &t->kernel,
                             .msg_namelen = sizeof(t->kernel),
                             .msg_iov = &t->iov,
                             .msg_iovlen = 1};
    return t;
}

bool verdict_timer_is_ours(const struct verdict_timer *t)
{
    return t->process == process_id();
}

uint32_t verdict_timer_armed_by(const struct verdict_timer *t)
{
    return verdict_timer_is_ours(t) ? t->armed_by : 0;
}

bool verdict_timer_armed(struct verdict_timer *t)
{
    return verdict_timer_armed_by(t) != 0;
}

void verdict_timer_close(struct verdict_timer *t)
{
    if (!t)
        return;
    if (verdict_timer_armed(t))
        atomic_fetch_sub(&process_page->verdict_timers, 1);
    close_ring(&t->ring);
    munmap(t, sizeof(*t));
}

/*
 * Takes completions. Returns whether the kernel knew all requests; sets *sent if it has sent the
 * batch.
 */
static bool take_answers(struct verdict_timer *t, bool *sent)
{
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    bool known = true;

    io_uring_for_each_cqe(&t->ring, head, cqe)
    {
        known &= cqe->res != -EINVAL;
        *sent |= cqe->user_data == SENDING && cqe->res >= 0;
        count++;
    }
    io_uring_cq_advance(&t->ring, count);
    t->unanswered -= count;
    return known;
}

static bool submit_requests(struct verdict_timer *t, int count)
{
    int saved = errno, n = io_uring_submit(&t->ring);

    errno = saved;
    if (n > 0)
        t->unanswered += (unsigned)n;
    return n == count;
}

/*
 * The request covers the whole batch buffer: behind the last verdict a message length of zero ends
 * what the kernel parses. It reads the bytes when the timer expires.
 */
bool verdict_timer_arm(struct verdict_timer *t)
{
    struct io_uring_sqe *timer, *sending;
    bool sent = false;

    if (!verdict_timer_is_ours(t))
        return false;
    take_answers(t, &sent);
    if (t->unanswered || !is_possible(t->filtered))
        return false;
    timer = io_uring_get_sqe(&t->ring);
    io_uring_prep_timeout(timer, &t->delay, 0, IORING_TIMEOUT_ETIME_SUCCESS);
    timer->user_data = TIMER;
    timer->flags |= IOSQE_IO_LINK;
    sending = io_uring_get_sqe(&t->ring);
    io_uring_prep_sendmsg(sending, t->fd, &t->msg, MSG_DONTWAIT);
    sending->user_data = SENDING;
    if (!submit_requests(t, 2) || !take_answers(t, &sent)) {
        atomic_store(&impossible, true);
        return false;
    }
    t->armed_by = shared_lock_id();
    atomic_fetch_add(&process_page->verdict_timers, 1);
    return true;
}

bool verdict_timer_armed_here(struct verdict_timer *t)
{
    return verdict_timer_armed(t) && t->armed_by == shared_lock_id() &&
           io_uring_cq_ready(&t->ring) == 0;
}

static void end_of_arming(struct verdict_timer *t)
{
    t->armed_by = 0;
    atomic_fetch_sub(&process_page->verdict_timers, 1); /* other threads may wait now */
}

bool verdict_timer_expired(struct verdict_timer *t)
{
    bool sent = false;

    if (!verdict_timer_armed(t) || io_uring_cq_ready(&t->ring) < t->unanswered)
        return false;
    take_answers(t, &sent);
    end_of_arming(t);
    return sent;
}

void verdict_timer_disarm(struct verdict_timer *t)
{
    struct io_uring_sqe *removal;
    bool sent = false;

    if (!io_uring_cq_ready(&t->ring)) {
        removal = io_uring_get_sqe(&t->ring);
        io_uring_prep_timeout_remove(removal, TIMER, 0);
        removal->user_data = REMOVAL;
        submit_requests(t, 1);
    }
    take_answers(t, &sent);
    end_of_arming(t);
}
