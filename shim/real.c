/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking up the C library's own functions. */
#include "real.h"

#include <dlfcn.h>
#include <string.h>

struct real_calls real_table;
int real_loaded;

/* An object pointer as a function pointer, which ISO C has no cast for. */
static void load_symbol(void *slot, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    memcpy(slot, &symbol, sizeof(symbol));
}

/*
 * glibc 2.33 gave fstat() and its kin names of their own. Before, they were __fxstat() with a
 * version; after, that name is for old programs only, and dlsym() does not find it.
 */
#ifndef _STAT_VER
#define _STAT_VER 1
#endif

static int new_fstat(int fd, struct stat *st)
{
    return real_table.__fxstat(_STAT_VER, fd, st);
}

static int new_fstat64(int fd, struct stat64 *st)
{
    return real_table.__fxstat64(_STAT_VER, fd, st);
}

static int new_fstatat(int fd, const char *path, struct stat *st, int flags)
{
    return real_table.__fxstatat(_STAT_VER, fd, path, st, flags);
}

static int new_fstatat64(int fd, const char *path, struct stat64 *st, int flags)
{
    return real_table.__fxstatat64(_STAT_VER, fd, path, st, flags);
}

static int old_fstat(int version, int fd, struct stat *st)
{
    (void)version;
    return real_table.fstat(fd, st);
}

static int old_fstat64(int version, int fd, struct stat64 *st)
{
    (void)version;
    return real_table.fstat64(fd, st);
}

static int old_fstatat(int version, int fd, const char *path, struct stat *st, int flags)
{
    (void)version;
    return real_table.fstatat(fd, path, st, flags);
}

static int old_fstatat64(int version, int fd, const char *path, struct stat64 *st, int flags)
{
    (void)version;
    return real_table.fstatat64(fd, path, st, flags);
}

static void complete_stat(void)
{
    if (!real_table.fstat) {
        real_table.fstat = new_fstat;
        real_table.fstat64 = new_fstat64;
        real_table.fstatat = new_fstatat;
        real_table.fstatat64 = new_fstatat64;
    }
    if (!real_table.__fxstat) {
        real_table.__fxstat = old_fstat;
        real_table.__fxstat64 = old_fstat64;
        real_table.__fxstatat = old_fstatat;
        real_table.__fxstatat64 = old_fstatat64;
    }
}

void real_load(void)
{
#define REAL_LOAD(result, name, args) load_symbol(&real_table.name, #name);
    REAL_CALLS(REAL_LOAD)
#undef REAL_LOAD
    complete_stat();
    __atomic_store_n(&real_loaded, 1, __ATOMIC_RELEASE);
}

__attribute__((constructor(101))) static void load_early(void)
{
    real_load();
}
