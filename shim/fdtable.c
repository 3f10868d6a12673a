/* SPDX-License-Identifier: BSD-2-Clause */
#include "fdtable.h"

#include "divert/divert.h"
#include "process/safe_lock.h"

#include <errno.h>
#include <sys/mman.h>

/* The table must not call malloc(): dup2() and close() may be called where that is forbidden. */
#define uthash_malloc(size)      fdtable_map(size)
#define uthash_free(block, size) munmap(block, size)
#define HASH_NONFATAL_OOM        1

static void *fdtable_map(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return block == MAP_FAILED ? NULL : block;
}

#include <uthash.h>

#define FDTABLE_POOL 1024 /* entries that need no mapping of their own */

struct fdtable_entry {
    int fd;
    struct divert_socket *socket;
    struct fdtable_entry *next_free;
    UT_hash_handle hh;
};

_Atomic uint64_t fdtable_bits[FDTABLE_MAX / 64];
_Atomic unsigned fdtable_count;

static _Atomic(struct divert_socket *) near_sockets[FDTABLE_NEAR]; /* the same, by number */

static struct fdtable_entry *table;
static struct fdtable_entry pool[FDTABLE_POOL];
static struct fdtable_entry *free_entries;
static unsigned pool_used;
static struct safe_lock lock = SAFE_LOCK_INITIALIZER;

static struct fdtable_entry *entry_new(void)
{
    struct fdtable_entry *e = free_entries;

    if (e)
        free_entries = e->next_free;
    else if (pool_used < FDTABLE_POOL)
        e = &pool[pool_used++];
    else
        e = fdtable_map(sizeof(*e));
    return e;
}

static void entry_free(struct fdtable_entry *e)
{
    e->next_free = free_entries;
    free_entries = e;
}

static struct fdtable_entry *entry_find(int fd)
{
    struct fdtable_entry *e;

    HASH_FIND_INT(table, &fd, e);
    return e;
}

static void set_near(int fd, struct divert_socket *s)
{
    if (fd < FDTABLE_NEAR)
        atomic_store_explicit(&near_sockets[fd], s, memory_order_release);
}

/*
 * The memory of a socket stays a socket's for ever, so it may be looked at after the socket has
 * gone: its references tell that, and the table whether it is still the one that was meant.
 */
static struct divert_socket *lookup_near(int fd)
{
    for (;;) {
        struct divert_socket *s = atomic_load_explicit(&near_sockets[fd], memory_order_acquire);

        if (!s)
            return NULL;
        if (!divert_hold_if_used(s))
            continue;
        if (s == atomic_load_explicit(&near_sockets[fd], memory_order_acquire))
            return s;
        divert_release(s);
    }
}

static struct divert_socket *lookup_far(int fd)
{
    struct divert_socket *s = NULL;
    struct fdtable_entry *e;

    safe_lock(&lock);
    e = entry_find(fd);
    if (e)
        s = divert_hold(e->socket);
    safe_unlock(&lock);
    return s;
}

struct divert_socket *fdtable_lookup(int fd)
{
    return fd < FDTABLE_NEAR ? lookup_near(fd) : lookup_far(fd);
}

static int insert_new(int fd, struct divert_socket *s)
{
    struct fdtable_entry *e = entry_new();

    if (!e)
        return -ENOMEM;
    e->fd = fd;
    e->socket = s;
    HASH_ADD_INT(table, fd, e);
    if (!e->hh.tbl) {
        entry_free(e);
        return -ENOMEM;
    }
    set_near(fd, s);
    atomic_fetch_or(&fdtable_bits[fd / 64], UINT64_C(1) << (fd % 64));
    atomic_fetch_add(&fdtable_count, 1);
    return 0;
}

int fdtable_insert(int fd, struct divert_socket *s)
{
    struct divert_socket *before = NULL;
    struct fdtable_entry *e;
    int err = 0;

    if ((unsigned)fd >= FDTABLE_MAX)
        return -EMFILE;
    safe_lock(&lock);
    e = entry_find(fd);
    if (e) {
        before = e->socket;
        e->socket = s;
        set_near(fd, s);
    } else {
        err = insert_new(fd, s);
    }
    safe_unlock(&lock);
    if (before)
        divert_release(before);
    return err;
}

struct divert_socket *fdtable_remove(int fd)
{
    struct divert_socket *s = NULL;
    struct fdtable_entry *e;

    if (!fdtable_has(fd))
        return NULL;
    safe_lock(&lock);
    e = entry_find(fd);
    if (e) {
        s = e->socket;
        set_near(fd, NULL);
        HASH_DEL(table, e);
        entry_free(e);
        atomic_fetch_and(&fdtable_bits[fd / 64], ~(UINT64_C(1) << (fd % 64)));
        atomic_fetch_sub(&fdtable_count, 1);
    }
    safe_unlock(&lock);
    return s;
}

void fdtable_each(void (*visit)(int fd, struct divert_socket *s, void *arg), void *arg)
{
    struct fdtable_entry *e, *next;

    safe_lock(&lock);
    HASH_ITER(hh, table, e, next)
    {
        visit(e->fd, e->socket, arg);
    }
    safe_unlock(&lock);
}

void fdtable_before_fork(void)
{
    safe_lock(&lock);
}

void fdtable_after_fork(bool child)
{
    (void)child;
    safe_unlock(&lock);
}
