/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of divert sockets, and the references to them. */
#include "divert/private.h"

#include "common/status.h"
#include "divert/verdict_timer.h"
#include "inject/inject.h"
#include "packet/packet.h"
#include "process/private_fd.h"
#include "process/privileges.h"
#include "pump.h"
#include "real.h"
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static _Atomic unsigned open_sockets;

/* Of another version of the library, that might be inherited too, it is another. */
static const uint64_t magic = UINT64_C(0xd1e2746800000000) + sizeof(struct divert_shared);

/*
 * Sockets come from mappings of our own, since nothing here may call malloc(), and go back to a
 * list, see divert_hold_if_used(). The list has few takers: sockets are not opened by the million.
 */
static struct divert_socket *unused_sockets;
static pthread_mutex_t unused_lock = PTHREAD_MUTEX_INITIALIZER;

static void *map(size_t size, int flags, int fd)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

    return block == MAP_FAILED ? NULL : block;
}

static void put_unused(struct divert_socket *s)
{
    s->next_unused = unused_sockets;
    unused_sockets = s;
}

static struct divert_socket *take_unused(void)
{
    const size_t size = 4096;
    struct divert_socket *s;

    pthread_mutex_lock(&unused_lock);
    if (!unused_sockets) {
        s = map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        for (size_t i = 0; s && i < size / sizeof(*s); i++)
            put_unused(&s[i]);
    }
    s = unused_sockets;
    if (s)
        unused_sockets = s->next_unused;
    pthread_mutex_unlock(&unused_lock);
    return s;
}

static void give_back(struct divert_socket *s)
{
    pthread_mutex_lock(&unused_lock);
    put_unused(s);
    pthread_mutex_unlock(&unused_lock);
}

/* The kernel counts it against the size that files may have, and sends SIGXFSZ. */
static bool file_may_be_so_large(size_t size)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= size;
}

/*
 * The file keeps its size, so that nobody who has it can take memory from under those who map it.
 */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/*
 * A file in memory, so that it can be inherited over exec and found by divert-run --status. Nobody
 * else gets in. -1 if there cannot be one.
 */
static int memory_file(size_t size)
{
    int fd = -1;

    if (file_may_be_so_large(size))
        fd = memfd_create(STATUS_MEMORY, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && (ftruncate(fd, (off_t)size) < 0 || fchmod(fd, 0600) < 0 ||
                    real.fcntl(fd, F_ADD_SEALS, SEALS) < 0)) {
        real.close(fd);
        return -1;
    }
    return private_fd(fd);
}

static struct divert_shared *map_shared(int fd)
{
    const int flags = MAP_SHARED | MAP_NORESERVE;

    return map(sizeof(struct divert_shared), fd < 0 ? flags | MAP_ANONYMOUS : flags, fd);
}

static struct divert_socket *start_with(struct divert_shared *shared)
{
    struct divert_socket *s = take_unused();

    if (!s)
        return NULL;
    s->shared = shared;
    s->queue_fd = s->event_fd = s->memory_fd = -1;
    s->timer = NULL;
    s->sibling = NULL;
    s->is_view = s->handed_over = false;
    atomic_store(&s->verdicts_pending, false);
    atomic_store(&s->references, 1);
    return s;
}

struct divert_socket *divert_allocate(void)
{
    int fd = memory_file(sizeof(struct divert_shared));
    struct divert_shared *shared = map_shared(fd);
    struct divert_socket *s = shared ? start_with(shared) : NULL;

    if (!s) {
        if (shared)
            munmap(shared, sizeof(*shared));
        private_fd_close(fd);
        return NULL;
    }
    atomic_fetch_add(&open_sockets, 1);
    s->memory_fd = fd;
    shared->magic = magic;
    shared->status.magic = STATUS_MAGIC;
    shared->status.version = STATUS_VERSION;
    shared->status.size = sizeof(struct status);
    shared->seed = packet_keys_seed();
    return s;
}

static void forget(struct divert_socket *s)
{
    verdict_timer_close(s->timer);
    private_fd_close(s->event_fd);
    private_fd_close(s->memory_fd);
    munmap(s->shared, sizeof(*s->shared));
}

static void close_own(struct divert_socket *s)
{
    struct divert_socket *self = s->sibling ? divert_begin_parting(s) : NULL;

    divert_send_verdicts(s);
    forget(s);
    if (s->sibling)
        divert_end_parting(s, self);
    private_fd_close(s->queue_fd);
    give_back(s);
    if (atomic_fetch_sub(&open_sockets, 1) == 1) {
        pump_end();
        inject_close();
        privileges_give_up();
    }
}

static void end(struct divert_socket *s)
{
    int saved = errno;

    if (s->is_view) {
        forget(s);
        give_back(s);
    } else {
        close_own(s);
    }
    errno = saved;
}

bool divert_any_open(void)
{
    return atomic_load_explicit(&open_sockets, memory_order_relaxed) != 0;
}

struct divert_socket *divert_hold(struct divert_socket *s)
{
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

bool divert_hold_if_used(struct divert_socket *s)
{
    unsigned references = atomic_load_explicit(&s->references, memory_order_relaxed);

    do {
        if (references == 0)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&s->references, &references, references + 1,
                                                    memory_order_acquire, memory_order_relaxed));
    return true;
}

void divert_release(struct divert_socket *s)
{
    if (atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
        end(s);
}

bool divert_handles(const struct divert_socket *s, struct divert_handles *h)
{
    *h = (struct divert_handles){s->queue_fd, s->event_fd, s->memory_fd, -1, -1};
    if (s->sibling) {
        h->sibling_event_fd = s->sibling->event_fd;
        h->sibling_memory_fd = s->sibling->memory_fd;
    }
    return s->memory_fd >= 0;
}

static bool is_netfilter_socket(int fd)
{
    int domain = 0, protocol = -1;
    socklen_t size = sizeof(int);

    return real.getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           real.getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
           domain == AF_NETLINK && protocol == NETLINK_NETFILTER;
}

/*
 * Of this size for good, and made by root or by this very user: what is in it is trusted, indices
 * of the in-flight table among it.
 */
static bool is_memory_file(int fd)
{
    int seals = real.fcntl(fd, F_GET_SEALS);
    struct stat st;

    return seals >= 0 && (seals & SEALS) == SEALS && real.fstat(fd, &st) == 0 &&
           st.st_size == sizeof(struct divert_shared) && (st.st_uid == 0 || st.st_uid == geteuid());
}

/* The socket whose memory the file is; NULL if it is none's. */
static struct divert_socket *start_with_file(int fd)
{
    struct divert_shared *shared = is_memory_file(fd) ? map_shared(fd) : NULL;
    struct divert_socket *s = shared && shared->magic == magic ? start_with(shared) : NULL;

    if (!s && shared)
        munmap(shared, sizeof(*shared));
    return s;
}

struct divert_socket *divert_allocate_view(int memory_fd)
{
    struct divert_socket *s = start_with_file(memory_fd);

    if (!s)
        return NULL;
    s->is_view = true;
    s->memory_fd = memory_fd;
    return s;
}

struct divert_socket *divert_adopt(const struct divert_handles *h)
{
    const struct options *options = options_get();
    struct divert_socket *s = NULL;

    if (options && is_netfilter_socket(h->queue_fd))
        s = start_with_file(h->memory_fd);
    if (!s)
        return NULL;
    atomic_fetch_add(&open_sockets, 1);
    s->options = options;
    s->queue_fd = private_fd(h->queue_fd);
    s->event_fd = private_fd(h->event_fd);
    s->memory_fd = private_fd(h->memory_fd);
    if (h->sibling_memory_fd >= 0)
        divert_adopt_sibling(s, h->sibling_event_fd, h->sibling_memory_fd);
    packet_keys_use_seed(s->shared->seed);
    trace_start(true);
    return s;
}

void divert_before_fork(void)
{
    pthread_mutex_lock(&unused_lock);
}

void divert_after_fork(bool child)
{
    (void)child;
    pthread_mutex_unlock(&unused_lock);
}
