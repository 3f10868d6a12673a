/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking up the C library's own functions. */
#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

struct real_calls real_table;
int real_loaded;

/* dlsym() returns an object pointer, which ISO C cannot cast to a function pointer. */
static void load_symbol(void *slot, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    memcpy(slot, &symbol, sizeof(symbol));
}

/*
 * glibc 2.33 gave fstat() and its kin symbols of their own. Before, they called __fxstat() with a
 * version; since then that symbol is for old programs only, and dlsym() does not find it.
 */
#ifndef _STAT_VER
#define _STAT_VER 1
#endif

#define STAT_PAIR(bits)                                                                      \
    static int new_fstat##bits(int fd, void *st)                                             \
    {                                                                                        \
        return real_table.__fxstat##bits(_STAT_VER, fd, st);                                 \
    }                                                                                        \
    static int new_fstatat##bits(int fd, const char *path, void *st, int flags)              \
    {                                                                                        \
        return real_table.__fxstatat##bits(_STAT_VER, fd, path, st, flags);                  \
    }                                                                                        \
    static int old_fstat##bits(int version, int fd, void *st)                                \
    {                                                                                        \
        (void)version;                                                                       \
        return real_table.fstat##bits(fd, st);                                               \
    }                                                                                        \
    static int old_fstatat##bits(int version, int fd, const char *path, void *st, int flags) \
    {                                                                                        \
        (void)version;                                                                       \
        return real_table.fstatat##bits(fd, path, st, flags);                                \
    }                                                                                        \
    static void complete_stat##bits(void)                                                    \
    {                                                                                        \
        if (!real_table.fstat##bits) {                                                       \
            real_table.fstat##bits = new_fstat##bits;                                        \
            real_table.fstatat##bits = new_fstatat##bits;                                    \
        }                                                                                    \
        if (!real_table.__fxstat##bits) {                                                    \
            real_table.__fxstat##bits = old_fstat##bits;                                     \
            real_table.__fxstatat##bits = old_fstatat##bits;                                 \
        }                                                                                    \
    }

STAT_PAIR()
STAT_PAIR(64)

/* musl has one size of files; since 1.2.4 dlsym() does not find the second names of its calls. */
static void complete_one_size(void)
{
    if (!real_table.fstat64 && !real_table.__fxstat64) {
        real_table.fstat64 = real_table.fstat;
        real_table.fstatat64 = real_table.fstatat;
    }
    if (!real_table.fcntl64)
        real_table.fcntl64 = real_table.fcntl;
    if (!real_table.freopen64)
        real_table.freopen64 = real_table.freopen;
}

/* close_range(2) where libc has no function for it: our hook of libbsd's closefrom() needs it. */
static int kernel_close_range(unsigned first, unsigned last, int flags)
{
    return libc_close_range(first, last, (unsigned)flags);
}

static void kernel_closefrom(int first)
{
    kernel_close_range(first > 0 ? (unsigned)first : 0, ~0u, 0);
}

/* A program that tests for a function may find our hook where libc has no such function. */
static long lacking(void)
{
    errno = ENOSYS;
    return -1;
}

static void complete_symbol(void *slot)
{
    long (*function)(void) = lacking;
    void *symbol;

    memcpy(&symbol, slot, sizeof(symbol));
    if (!symbol)
        memcpy(slot, &function, sizeof(function));
}

static void complete(void)
{
    complete_one_size();
    complete_stat();
    complete_stat64();
    if (!real_table.close_range)
        real_table.close_range = kernel_close_range;
    if (!real_table.closefrom)
        real_table.closefrom = kernel_closefrom;
#define REAL_COMPLETE(result, name, args) complete_symbol(&real_table.name);
    REAL_CALLS(REAL_COMPLETE)
#undef REAL_COMPLETE
}

void real_load(void)
{
#define REAL_LOAD(result, name, args) load_symbol(&real_table.name, #name);
    REAL_CALLS(REAL_LOAD)
#undef REAL_LOAD
    complete();
    __atomic_store_n(&real_loaded, 1, __ATOMIC_RELEASE);
}

__attribute__((constructor(101))) static void load_early(void)
{
    real_load();
}
