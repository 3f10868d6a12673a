/* SPDX-License-Identifier: BSD-2-Clause */
#include "pump.h"

#include "divert/divert.h"
#include "fdtable.h"
#include "own_thread.h"
#include "process/private_fd.h"
#include "real.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/options.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PUMP_MAX 256 /* sockets */

/*
 * The thread waits for the kernel's sockets with edges: it hears of each packet that comes, and not
 * again of those that wait until the program has read what is at hand. Who reads the last one at
 * hand takes the next ones from the kernel himself, see divert_recvmsg().
 */
static struct {
    pthread_mutex_t lock;
    bool running;
    int epoll_fd;
    _Atomic int wake_fd;                    /* eventfd, -1 if there is no thread */
    struct divert_socket *socket[PUMP_MAX]; /* those that are gone are passed over */
    unsigned count;
} pump = {.lock = PTHREAD_MUTEX_INITIALIZER, .epoll_fd = -1, .wake_fd = -1};

/* Under it the last reference to a socket may go, and that ends in pump_end(). */
static __thread bool locked;

static void lock(void)
{
    pthread_mutex_lock(&pump.lock);
    locked = true;
}

static void unlock(void)
{
    locked = false;
    pthread_mutex_unlock(&pump.lock);
}

static bool wanted(void)
{
    const struct options *options = options_get();

    return options && options->pump;
}

/* A packet came, or one is overdue. */
static void visit(struct divert_socket *s)
{
    if (!divert_hold_if_used(s))
        return;
    divert_events(s, POLLIN);
    divert_release(s);
}

static void visit_all(void)
{
    for (unsigned i = 0; i < pump.count; i++)
        visit(pump.socket[i]);
}

/* Nobody tells the thread of packets that are read now: it looks after them once in a while. */
static uint64_t earliest_deadline(void)
{
    uint64_t earliest = clock_exact_ns() + options_get()->hold_ms * NS_PER_MS;

    for (unsigned i = 0; i < pump.count; i++) {
        struct divert_socket *s = pump.socket[i];
        uint64_t deadline;

        if (!divert_hold_if_used(s))
            continue;
        deadline = divert_deadline(s);
        if (deadline < earliest)
            earliest = deadline;
        divert_release(s);
    }
    return earliest;
}

static int timeout_until(uint64_t deadline)
{
    uint64_t now = clock_exact_ns();

    return deadline <= now ? 0 : (int)((deadline - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void close_descriptors(void)
{
    int wake = atomic_exchange(&pump.wake_fd, -1);

    private_fd_close(pump.epoll_fd);
    private_fd_close(wake);
    pump.epoll_fd = -1;
    pump.count = 0;
}

/* Under the lock, so that no socket is added to a thread that ends. */
static bool is_over(void)
{
    bool over;

    lock();
    over = !divert_any_open();
    if (over) {
        close_descriptors();
        pump.running = false;
    }
    unlock();
    return over;
}

static void *run(void *arg)
{
    struct epoll_event events[16];

    (void)arg;
    do {
        uint64_t deadline;
        int n;

        own_thread_begin();
        lock();
        deadline = earliest_deadline();
        unlock();
        own_thread_end();
        n = real.epoll_wait(pump.epoll_fd, events, 16, timeout_until(deadline));
        own_thread_begin();
        lock();
        if (n == 0)
            visit_all();
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                visit(events[i].data.ptr);
        }
        unlock();
        own_thread_end();
    } while (!is_over());
    return NULL;
}

static int watch(int fd, struct divert_socket *s)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = s};

    if (real.epoll_ctl(pump.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    /* One that has gone had the number, and the kernel's socket lives on for its sibling. */
    if (errno == EEXIST && real.epoll_ctl(pump.epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    return -errno;
}

static int start(void)
{
    int err;

    pump.epoll_fd = private_fd(epoll_create1(EPOLL_CLOEXEC));
    atomic_store(&pump.wake_fd, private_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
    err = pump.epoll_fd < 0 || pump.wake_fd < 0 ? -EMFILE : watch(pump.wake_fd, NULL);
    if (!err)
        err = own_thread_start(run);
    if (err)
        close_descriptors();
    else
        pump.running = true;
    return err;
}

/* In the place of one that is gone, if there is one. */
static int list(struct divert_socket *s)
{
    for (unsigned i = 0; i < pump.count; i++) {
        if (pump.socket[i] == s)
            return 0;
        if (divert_hold_if_used(pump.socket[i])) {
            divert_release(pump.socket[i]);
            continue;
        }
        pump.socket[i] = s;
        return 0;
    }
    if (pump.count == PUMP_MAX)
        return -ENOSPC;
    pump.socket[pump.count++] = s;
    return 0;
}

static void wake(void)
{
    uint64_t one = 1;
    int fd = atomic_load(&pump.wake_fd);

    if (fd >= 0 && real.write(fd, &one, sizeof(one)) < 0)
        log_line(LOG_DEBUG, "waking the pump: %s", strerror(errno));
}

static int add_locked(struct divert_socket *s)
{
    int err = pump.running ? 0 : start();

    if (!err)
        err = list(s);
    if (!err)
        err = watch(divert_kernel_fd(s), s);
    return err;
}

int pump_add(struct divert_socket *s)
{
    int err;

    if (!wanted())
        return 0;
    lock();
    err = add_locked(s);
    if (!err)
        wake();
    unlock();
    if (err) {
        log_line(LOG_ERROR, "DIVERTSHIM_PUMP=thread: %s", strerror(-err));
        return err;
    }
    divert_watch(s, true);
    divert_events(s, POLLIN);
    return 0;
}

struct found {
    struct divert_socket *socket[PUMP_MAX];
    unsigned count;
};

static void note(int fd, struct divert_socket *s, void *arg)
{
    struct found *found = arg;

    (void)fd;
    if (found->count < PUMP_MAX)
        found->socket[found->count++] = divert_hold(s);
}

/* A socket with several descriptors is found several times. */
void pump_add_all(void)
{
    struct found found = {.count = 0};

    if (!divert_any_open() || !wanted())
        return;
    fdtable_each(note, &found);
    for (unsigned i = 0; i < found.count; i++) {
        bool again = false;

        for (unsigned before = 0; before < i; before++)
            again |= found.socket[before] == found.socket[i];
        if (!again)
            pump_add(found.socket[i]);
    }
    for (unsigned i = 0; i < found.count; i++)
        divert_release(found.socket[i]);
}

void pump_end(void)
{
    bool before = locked;

    if (!before)
        lock();
    wake();
    if (!before)
        unlock();
}

void pump_before_fork(void)
{
    lock();
}

/* The thread is the parent's; the child starts one of its own, on descriptors of its own. */
void pump_after_fork(bool child)
{
    bool was_running = pump.running;

    if (child) {
        pump.running = false;
        close_descriptors();
    }
    unlock();
    if (child && was_running)
        pump_add_all();
}
