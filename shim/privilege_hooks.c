/* SPDX-License-Identifier: BSD-2-Clause */
/* Hooks of calls by which a program gives up root, or its view of /dev. */
#include "hook.h"

#include "common/libc.h"
#include "inject/inject.h"
#include "process/privileges.h"
#include "util/options.h"

#include <grp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Opens what needs root or /dev while the program has them. */
static void prepare_injection(void)
{
    const struct options *options = divert_any_open() ? options_get() : NULL;

    if (options)
        inject_prepare(options->mark_shift);
}

static void before_change(void)
{
    prepare_injection();
    privileges_before_change();
}

static int changed(int result)
{
    privileges_after_change();
    return result;
}

HOOK int setuid(uid_t uid)
{
    before_change();
    return changed(real.setuid(uid));
}

HOOK int seteuid(uid_t uid)
{
    before_change();
    return changed(real.seteuid(uid));
}

HOOK int setreuid(uid_t r, uid_t e)
{
    before_change();
    return changed(real.setreuid(r, e));
}

HOOK int setresuid(uid_t r, uid_t e, uid_t s)
{
    before_change();
    return changed(real.setresuid(r, e, s));
}

/* Changing groups takes no privileges, but interrupts other threads. */
static int ended(int result)
{
    privileges_id_change_ends();
    return result;
}

HOOK int setgid(gid_t gid)
{
    privileges_id_change_begins();
    return ended(real.setgid(gid));
}

HOOK int setegid(gid_t gid)
{
    privileges_id_change_begins();
    return ended(real.setegid(gid));
}

HOOK int setregid(gid_t r, gid_t e)
{
    privileges_id_change_begins();
    return ended(real.setregid(r, e));
}

HOOK int setresgid(gid_t r, gid_t e, gid_t s)
{
    privileges_id_change_begins();
    return ended(real.setresgid(r, e, s));
}

HOOK int setgroups(size_t count, const gid_t *groups)
{
    privileges_id_change_begins();
    return ended(real.setgroups(count, groups));
}

HOOK int initgroups(const char *user, gid_t gid)
{
    privileges_id_change_begins();
    return ended(real.initgroups(user, gid));
}

/* These two return the previous id, and report no errors. */
HOOK int setfsuid(uid_t uid)
{
    before_change();
    return changed(real.setfsuid(uid));
}

HOOK int setfsgid(uid_t gid)
{
    privileges_id_change_begins();
    return ended(real.setfsgid(gid));
}

HOOK int capset(cap_user_header_t header, const cap_user_data_t data)
{
    struct __user_cap_data_struct own[2];

    if (!header || !data || header->version != _LINUX_CAPABILITY_VERSION_3 ||
        (header->pid != 0 && header->pid != libc_gettid()))
        return real.capset(header, data);
    prepare_injection();
    memcpy(own, data, sizeof(own));
    privileges_add_kept(own);
    return real.capset(header, own);
}

HOOK int prctl(int option, ...)
{
    unsigned long arg[4];
    va_list args;

    va_start(args, option);
    for (int i = 0; i < 4; i++)
        arg[i] = va_arg(args, unsigned long);
    va_end(args);
    if (option == PR_SET_KEEPCAPS || option == PR_SET_SECUREBITS)
        privileges_left_to_program();
    return real.prctl(option, arg[0], arg[1], arg[2], arg[3]);
}

HOOK int chroot(const char *path)
{
    prepare_injection();
    return real.chroot(path);
}
