/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities across the loss of root. A BSD program binds as root and then becomes another user;
 * its socket goes on working. NFQUEUE checks CAP_NET_ADMIN at every verdict, so a thread that gives
 * up its privileges while a divert socket is open keeps that capability and CAP_NET_RAW, until the
 * last divert socket is closed. DIVERTSHIM_KEEP_CAPS changes this.
 */
#ifndef DIVERTSHIM_PRIVILEGES_H
#define DIVERTSHIM_PRIVILEGES_H

#include <linux/capability.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Sets whether capabilities are kept from now on; initially they are not. */
void privileges_keep(bool keep);

/* Around a call that may take privileges from all threads; errno is preserved. */
void privileges_before_change(void);
void privileges_after_change(void);

/*
 * PR_SET_KEEPCAPS holds for one thread. So each thread that uses a divert socket sets it in
 * advance, and reduces its capabilities when it uses one again after the change. A load and a test
 * if nothing changed.
 */
extern _Atomic unsigned privileges_changes;
extern __thread unsigned privileges_changes_seen;
void privileges_catch_up(void);

static inline void privileges_follow(void)
{
    if (privileges_changes_seen != atomic_load_explicit(&privileges_changes, memory_order_relaxed))
        privileges_catch_up();
}

/* The program itself calls prctl(PR_SET_KEEPCAPS): its choice stands. */
void privileges_left_to_program(void);

/*
 * Around a call that changes ids: libc interrupts all other threads for it, by a signal of its own.
 * A thread that was interrupted asks whether that was the reason: whether a change is under way, or
 * has ended since privileges_id_changes() returned the given number.
 */
void privileges_id_change_begins(void);
void privileges_id_change_ends(void);
unsigned privileges_id_changes(void);
bool privileges_id_changed_since(unsigned changes);

/*
 * Adds the capabilities that are kept to what the program passes to capset() (two elements, version
 * 3).
 */
void privileges_add_kept(struct __user_cap_data_struct data[2]);

/* Gives up what was kept. To be called when the last divert socket is closed. */
void privileges_give_up(void);

/* Whether this thread may give verdicts. */
bool privileges_has_net_admin(void);

#endif
