/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptor table: a bitmap, and an array of entries in pages. */
#include "fdtable.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>

#define PAGE_ENTRIES 4096
#define PAGES        (FDTABLE_MAX / PAGE_ENTRIES)

_Atomic uint64_t fdtable_bits[FDTABLE_MAX / 64];
_Atomic unsigned fdtable_count;

/* An enum fd_kind, or the address of a divert socket's object; 0 for a foreign descriptor. */
typedef _Atomic uintptr_t fd_entry;

static fd_entry first_page[PAGE_ENTRIES]; /* the others are mapped on demand */
static fd_entry *_Atomic pages[PAGES] = {first_page};

static fd_entry *entry_of(int fd)
{
    fd_entry *page = atomic_load_explicit(&pages[fd / PAGE_ENTRIES], memory_order_acquire);

    return page ? &page[fd % PAGE_ENTRIES] : NULL;
}

static fd_entry *make_entry(int fd)
{
    const size_t size = PAGE_ENTRIES * sizeof(fd_entry);
    fd_entry *none = NULL, *page;

    if (entry_of(fd))
        return entry_of(fd);
    page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (!atomic_compare_exchange_strong(&pages[fd / PAGE_ENTRIES], &none, page))
        munmap(page, size); /* another thread was faster */
    return entry_of(fd);
}

static uintptr_t entry_value(int fd)
{
    fd_entry *e = entry_of(fd);

    return e ? atomic_load_explicit(e, memory_order_acquire) : FD_FOREIGN;
}

enum fd_kind fdtable_special_kind(int fd)
{
    uintptr_t value = entry_value(fd);

    return value < FD_DIVERT ? (enum fd_kind)value : FD_DIVERT;
}

struct fd_object *fdtable_special_hold(int fd)
{
    for (;;) {
        uintptr_t value = entry_value(fd);
        struct fd_object *o = (struct fd_object *)value;

        if (value <= FD_DIVERT)
            return NULL;
        if (!fd_object_hold_if_used(o))
            continue; /* the entry is about to be cleared */
        if (value == entry_value(fd))
            return o;
        fd_object_release(o);
    }
}

static int set_entry(int fd, uintptr_t value)
{
    uint64_t bit = UINT64_C(1) << (fd % 64);
    fd_entry *e;

    if ((unsigned)fd >= FDTABLE_MAX)
        return -EMFILE;
    e = make_entry(fd);
    if (!e)
        return -ENOMEM;
    fdtable_clear(fd);
    atomic_store_explicit(e, value, memory_order_release);
    if (!(atomic_fetch_or(&fdtable_bits[fd / 64], bit) & bit))
        atomic_fetch_add(&fdtable_count, 1);
    return 0;
}

int fdtable_set(int fd, enum fd_kind kind)
{
    return set_entry(fd, kind);
}

int fdtable_set_divert(int fd, struct fd_object *o)
{
    return set_entry(fd, (uintptr_t)o);
}

void fdtable_clear(int fd)
{
    uint64_t bit = UINT64_C(1) << (fd % 64);
    uintptr_t value;

    if (!fdtable_special(fd))
        return;
    value = atomic_exchange(entry_of(fd), FD_FOREIGN);
    if (atomic_fetch_and(&fdtable_bits[fd / 64], ~bit) & bit)
        atomic_fetch_sub(&fdtable_count, 1);
    if (value > FD_DIVERT)
        fd_object_release((struct fd_object *)value);
}

int fdtable_next(int fd)
{
    uint64_t from = UINT64_MAX;

    if (fd < 0 || atomic_load_explicit(&fdtable_count, memory_order_relaxed) == 0)
        return -1;
    if (fd < FDTABLE_MAX)
        from <<= fd % 64;
    for (int word = fd / 64; word < FDTABLE_MAX / 64; word++, from = UINT64_MAX) {
        uint64_t bits = atomic_load_explicit(&fdtable_bits[word], memory_order_relaxed) & from;

        if (bits)
            return word * 64 + __builtin_ctzll(bits);
    }
    return -1;
}

bool fd_object_hold_if_used(struct fd_object *o)
{
    unsigned references = atomic_load_explicit(&o->references, memory_order_relaxed);

    do {
        if (references == 0)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&o->references, &references, references + 1,
                                                    memory_order_acquire, memory_order_relaxed));
    return true;
}
