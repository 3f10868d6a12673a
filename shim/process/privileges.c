/* SPDX-License-Identifier: BSD-2-Clause */
/* Capabilities across the loss of root. */
#include "process/privileges.h"

#include "common/libc.h"
#include "real.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEPT (1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW)

_Atomic unsigned privileges_changes = 1;
__thread unsigned privileges_changes_seen;

static _Atomic bool kept;              /* some thread has capabilities that it would have lost */
static _Atomic bool kept_from_root;    /* also as root: a capset() was to drop them */
static __thread bool keepcaps_was_set; /* by the program itself */
static __thread bool keepcaps_is_ours; /* set by this thread in advance of a change */
static __thread bool had_root;

static bool get(struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return syscall(SYS_capget, &header, data) == 0;
}

static bool set(const struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return syscall(SYS_capset, &header, data) == 0;
}

static _Atomic bool wanted; /* they are to be kept */

void privileges_keep(bool keep)
{
    atomic_store(&wanted, keep);
}

static bool still_root(void)
{
    uid_t r = 0, e = 0, s = 0;

    getresuid(&r, &e, &s);
    return r == 0 || e == 0 || s == 0;
}

bool privileges_has_net_admin(void)
{
    struct __user_cap_data_struct data[2] = {0};

    return get(data) && (data[0].effective >> CAP_NET_ADMIN & 1);
}

static _Atomic unsigned id_changes_begun, id_changes_ended;

void privileges_id_change_begins(void)
{
    atomic_fetch_add(&id_changes_begun, 1);
}

void privileges_id_change_ends(void)
{
    atomic_fetch_add(&id_changes_ended, 1);
}

unsigned privileges_id_changes(void)
{
    return atomic_load(&id_changes_ended);
}

bool privileges_id_changed_since(unsigned changes)
{
    unsigned ended = atomic_load(&id_changes_ended);

    return ended != changes || atomic_load(&id_changes_begun) != ended;
}

void privileges_before_change(void)
{
    int saved = errno;

    if (atomic_load(&wanted)) {
        had_root = still_root();
        keepcaps_was_set = !keepcaps_is_ours && real.prctl(PR_GET_KEEPCAPS) > 0;
        real.prctl(PR_SET_KEEPCAPS, 1);
    }
    privileges_id_change_begins();
    errno = saved;
}

/*
 * Reduces the capabilities to those that are kept. While another id is still root's, the rest of
 * the permitted set stays, for the program to return to.
 */
static void reduce(void)
{
    struct __user_cap_data_struct data[2] = {0};
    __u32 ours;

    if (!get(data))
        return;
    ours = data[0].permitted & KEPT;
    if ((data[0].effective & KEPT) == ours && (still_root() || keepcaps_was_set))
        return;
    data[0].effective |= ours;
    if (!still_root() && !keepcaps_was_set) {
        data[0].permitted = data[0].effective = ours;
        data[1].permitted = data[1].effective = 0;
    }
    if (set(data))
        kept = true;
}

void privileges_after_change(void)
{
    int saved = errno;

    privileges_id_change_ends();
    if (atomic_load(&wanted)) {
        if (had_root && geteuid() != 0)
            reduce();
        real.prctl(PR_SET_KEEPCAPS, keepcaps_was_set ? 1 : 0);
        keepcaps_is_ours = false;
        atomic_fetch_add(&privileges_changes, 1);
    }
    errno = saved;
}

static void ask_to_keep(void)
{
    if (real.prctl(PR_GET_KEEPCAPS) == 0 && real.prctl(PR_SET_KEEPCAPS, 1) == 0)
        keepcaps_is_ours = true;
}

static void reduce_after_change(void)
{
    keepcaps_was_set = false;
    reduce();
    if (still_root())
        return;
    real.prctl(PR_SET_KEEPCAPS, 0);
    keepcaps_is_ours = false;
}

/* The first thread is usually the one that changes ids, and then asks by itself. */
void privileges_catch_up(void)
{
    int saved = errno;

    privileges_changes_seen = atomic_load(&privileges_changes);
    if (atomic_load(&wanted)) {
        if (keepcaps_is_ours && geteuid() != 0)
            reduce_after_change();
        else if (libc_gettid() != getpid() && still_root())
            ask_to_keep();
    }
    errno = saved;
}

void privileges_left_to_program(void)
{
    keepcaps_is_ours = false;
}

void privileges_add_kept(struct __user_cap_data_struct data[2])
{
    struct __user_cap_data_struct now[2] = {0};
    __u32 ours;
    int saved = errno;

    if (atomic_load(&wanted) && get(now)) {
        ours = now[0].permitted & KEPT;
        if ((data[0].permitted & ours) != ours)
            kept_from_root = true;
        if ((data[0].effective & ours) != ours)
            kept = true;
        data[0].permitted |= ours;
        data[0].effective |= ours;
    }
    errno = saved;
}

void privileges_give_up(void)
{
    struct __user_cap_data_struct data[2] = {0};

    if (!atomic_exchange(&kept, false) || !get(data))
        return;
    data[0].effective &= ~KEPT;
    if (atomic_exchange(&kept_from_root, false) || !still_root())
        data[0].permitted &= ~KEPT;
    set(data);
}
