/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of divert sockets, and the references to them. */
#include "divert/private.h"

#include "common/status.h"
#include "divert/verdict_timer.h"
#include "inject/inject.h"
#include "packet/packet.h"
#include "process/private_fd.h"
#include "process/privileges.h"
#include "real.h"
#include "trace/trace.h"
#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKETS_SIZE 65536 /* bytes of a mapping for several sockets */

#define CLOSING_NS (100 * NS_PER_MS) /* how long a closed socket may hold its port */

static _Atomic unsigned open_sockets;

/* Differs between versions of the library, since a socket may be inherited from another one. */
static const uint64_t magic = UINT64_C(0xd1e2746800000000) + sizeof(struct divert_shared);

/*
 * All sockets that this process ever had, the newest first. They come from mappings of our own,
 * since nothing here may call malloc(), and are used again but never freed. No lock: a child that
 * was made at any moment can go through the list.
 */
static struct divert_socket *_Atomic all_sockets;

static void *map(size_t size, int flags, int fd)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

    return block == MAP_FAILED ? NULL : block;
}

static bool claim_socket(struct divert_socket *s)
{
    return !atomic_exchange(&s->taken, true);
}

static struct divert_socket *find_unused_socket(void)
{
    struct divert_socket *s = atomic_load(&all_sockets);

    while (s && !claim_socket(s))
        s = s->next;
    return s;
}

/* Adds new ones to the list, the first of them claimed for the caller. */
static struct divert_socket *map_sockets(void)
{
    const size_t size = SOCKETS_SIZE, count = size / sizeof(struct divert_socket);
    struct divert_socket *new = map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1), *head;

    if (!new)
        return NULL;
    claim_socket(new);
    for (size_t i = 0; i + 1 < count; i++)
        new[i].next = &new[i + 1];
    head = atomic_load(&all_sockets);
    do
        new[count - 1].next = head;
    while (!atomic_compare_exchange_weak(&all_sockets, &head, new));
    return new;
}

void divert_each(void (*visit)(struct divert_socket *s, void *arg), void *arg)
{
    for (struct divert_socket *s = atomic_load(&all_sockets); s; s = s->next) {
        if (!fd_object_hold_if_used(&s->object))
            continue;
        if (!s->is_view)
            visit(s, arg);
        divert_release(s);
    }
}

/* The kernel may take a moment to release the queues of a closed socket. */
static _Atomic uint64_t closed_at;

static bool one_was_closed_lately(void)
{
    return clock_exact_ns() - atomic_load(&closed_at) < CLOSING_NS;
}

static void compare_port(struct divert_socket *s, void *arg)
{
    unsigned *port = arg;

    if (s->shared->port == *port)
        *port = 0;
}

bool divert_have_port(unsigned port)
{
    for (struct divert_socket *s = atomic_load(&all_sockets); s; s = s->next) {
        if (atomic_load(&s->taken) && atomic_load(&s->object.references) == 0)
            return true;
    }
    if (one_was_closed_lately())
        return true;
    divert_each(compare_port, &port);
    return port == 0;
}

/* RLIMIT_FSIZE counts for memory files, too; beyond it the kernel sends SIGXFSZ. */
static bool file_may_be_so_large(size_t size)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= size;
}

/*
 * The file's size is sealed, so that nobody who has it can take memory away from those who map it.
 */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/*
 * A memory file, so that it can be inherited over exec and found by divert-run --status. Only its
 * owner may open it. -1 on failure.
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

/*
 * No two memory files have the same inode number at the same time. It is spread over all 64 bits,
 * because it is searched for among the data of other epoll descriptors, where small numbers are
 * frequent.
 */
static uint64_t identity_of(int fd)
{
    struct stat st;

    return real.fstat(fd, &st) == 0 ? st.st_ino * UINT64_C(0x9e3779b97f4a7c15) : 0;
}

static struct divert_shared *map_shared(int fd)
{
    const int flags = MAP_SHARED | MAP_NORESERVE;

    return map(sizeof(struct divert_shared), fd < 0 ? flags | MAP_ANONYMOUS : flags, fd);
}

static void end_socket(struct fd_object *o);

/* The reference is set last, when everything else is initialised. */
static struct divert_socket *start_with(struct divert_shared *shared, bool is_view)
{
    struct divert_socket *s = find_unused_socket();

    if (!s)
        s = map_sockets();
    if (!s)
        return NULL;
    s->shared = shared;
    s->epoll_fd = s->queue_fd = s->event_fd = s->memory_fd = -1;
    atomic_store(&s->writable_fd, -1);
    s->timer = NULL;
    s->sibling = NULL;
    s->is_view = is_view;
    s->handed_over = false;
    atomic_store(&s->verdicts_pending, false);
    atomic_store(&s->deferred, NULL);
    s->options = options_get();
    nfqueue_lay_out(&s->messages, &shared->ring);
    s->object.end = end_socket;
    atomic_store_explicit(&s->object.references, 1, memory_order_release);
    return s;
}

static void note_open(const struct options *options)
{
    atomic_fetch_add(&open_sockets, 1);
    if (options->keep_caps != KEEP_CAPS_NEVER)
        privileges_keep(true);
}

struct divert_socket *divert_allocate(void)
{
    int fd = memory_file(sizeof(struct divert_shared));
    struct divert_shared *shared = map_shared(fd);
    struct divert_socket *s = shared ? start_with(shared, false) : NULL;

    if (!s) {
        if (shared)
            munmap(shared, sizeof(*shared));
        private_fd_close(fd);
        return NULL;
    }
    note_open(s->options);
    s->memory_fd = fd;
    shared->magic = magic;
    shared->status.magic = STATUS_MAGIC;
    shared->status.version = STATUS_VERSION;
    shared->status.size = sizeof(struct status);
    shared->seed = packet_random();
    shared->identity = identity_of(fd);
    return s;
}

static void close_descriptors(struct divert_socket *s)
{
    verdict_timer_close(s->timer);
    private_fd_close(s->epoll_fd);
    private_fd_close(s->event_fd);
    private_fd_close(s->memory_fd);
    private_fd_close(atomic_load(&s->writable_fd));
    munmap(s->shared, sizeof(*s->shared));
}

static void close_own(struct divert_socket *s)
{
    struct divert_socket *self = s->sibling ? divert_begin_parting(s) : NULL;

    divert_send_verdicts(s);
    atomic_store(&closed_at, clock_exact_ns());
    close_descriptors(s);
    if (s->sibling)
        divert_end_parting(s, self);
    private_fd_close(s->queue_fd);
    if (atomic_fetch_sub(&open_sockets, 1) == 1) {
        inject_close();
        if (s->options->keep_caps != KEEP_CAPS_ALWAYS) {
            privileges_keep(false);
            privileges_give_up();
        }
    }
}

static void end_socket(struct fd_object *o)
{
    struct divert_socket *s = (struct divert_socket *)o;
    int saved = errno;

    if (s->is_view)
        close_descriptors(s);
    else
        close_own(s);
    atomic_store(&s->taken, false);
    errno = saved;
}

bool divert_any_open(void)
{
    return atomic_load_explicit(&open_sockets, memory_order_relaxed) != 0;
}

bool divert_get_handles(const struct divert_socket *s, struct divert_handles *h)
{
    *h = (struct divert_handles){{
        [HANDLE_EPOLL] = s->epoll_fd,
        [HANDLE_QUEUE] = s->queue_fd,
        [HANDLE_EVENT] = s->event_fd,
        [HANDLE_MEMORY] = s->memory_fd,
        [HANDLE_SIBLING_EVENT] = s->sibling ? s->sibling->event_fd : -1,
        [HANDLE_SIBLING_MEMORY] = s->sibling ? s->sibling->memory_fd : -1,
    }};
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
 * Of the right size, sealed, and made by root or by this user: its contents are trusted, including
 * the indices of the in-flight table.
 */
static bool is_memory_file(int fd)
{
    int seals = real.fcntl(fd, F_GET_SEALS);
    struct stat st;

    return seals >= 0 && (seals & SEALS) == SEALS && real.fstat(fd, &st) == 0 &&
           st.st_size == sizeof(struct divert_shared) && (st.st_uid == 0 || st.st_uid == geteuid());
}

/* Maps the memory of a socket from its file; NULL if it is no such file. */
static struct divert_shared *map_file(int fd)
{
    struct divert_shared *shared = is_memory_file(fd) ? map_shared(fd) : NULL;

    if (shared && shared->magic != magic) {
        munmap(shared, sizeof(*shared));
        return NULL;
    }
    return shared;
}

static struct divert_socket *start_with_file(int fd, bool is_view)
{
    struct divert_shared *shared = map_file(fd);
    struct divert_socket *s = shared ? start_with(shared, is_view) : NULL;

    if (!s && shared)
        munmap(shared, sizeof(*shared));
    return s;
}

struct divert_socket *divert_allocate_view(int memory_fd)
{
    struct divert_socket *s = start_with_file(memory_fd, true);

    if (s)
        s->memory_fd = memory_fd;
    return s;
}

uint64_t divert_identity(const struct divert_socket *s)
{
    return s->shared->identity;
}

struct identity_search {
    uint64_t identity;
    struct divert_socket *found;
};

static void compare_identity(struct divert_socket *s, void *arg)
{
    struct identity_search *search = arg;

    if (!search->found && s->shared->identity == search->identity) {
        fd_object_hold(&s->object);
        search->found = s;
    }
}

/* The same socket, if this process has it already. */
static struct divert_socket *find_known(int memory_fd)
{
    struct identity_search search = {.identity = identity_of(memory_fd)};

    if (is_memory_file(memory_fd))
        divert_each(compare_identity, &search);
    return search.found;
}

void divert_close_handles(const struct divert_handles *h)
{
    for (int i = 0; i < HANDLES; i++) {
        if (h->fd[i] >= 0)
            real.close(h->fd[i]);
    }
}

struct divert_socket *divert_adopt(const struct divert_handles *h)
{
    struct divert_socket *s;

    if (!options_get() || !is_netfilter_socket(h->fd[HANDLE_QUEUE]))
        return NULL;
    s = find_known(h->fd[HANDLE_MEMORY]);
    if (s) {
        divert_close_handles(h);
        return s;
    }
    s = start_with_file(h->fd[HANDLE_MEMORY], false);
    if (!s)
        return NULL;
    note_open(s->options);
    s->epoll_fd = private_fd(h->fd[HANDLE_EPOLL]);
    s->queue_fd = private_fd(h->fd[HANDLE_QUEUE]);
    s->event_fd = private_fd(h->fd[HANDLE_EVENT]);
    s->memory_fd = private_fd(h->fd[HANDLE_MEMORY]);
    if (h->fd[HANDLE_SIBLING_MEMORY] >= 0)
        divert_adopt_sibling(s, h->fd[HANDLE_SIBLING_EVENT], h->fd[HANDLE_SIBLING_MEMORY]);
    trace_start(true);
    return s;
}

int divert_copy_descriptor(const struct divert_socket *s, int fd, int flags)
{
    return real.dup3(s->epoll_fd, fd, flags) < 0 ? -errno : 0;
}
