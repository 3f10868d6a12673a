/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities across the loss of root. A BSD program binds as root and then becomes somebody
 * else; its socket goes on working. NFQUEUE asks for CAP_NET_ADMIN at every verdict, so a thread
 * that gives up its privileges while a divert socket is open keeps that one and CAP_NET_RAW, until
 * the last divert socket is closed. DIVERTSHIM_KEEP_CAPS says otherwise.
 */
#ifndef DIVERTSHIM_PRIVILEGES_H
#define DIVERTSHIM_PRIVILEGES_H

#include <linux/capability.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Whether they are to be kept from now on; not at first. */
void privileges_keep(bool keep);

/* Around a call that may take privileges from all threads; errno is kept. */
void privileges_before_change(void);
void privileges_after_change(void);

/*
 * What the kernel keeps, it keeps for each thread by itself. So each thread that uses a divert
 * socket says in time that it wants to, and has its privileges reduced after the change when it
 * uses one again. A load and a test as long as nothing changed.
 */
extern _Atomic unsigned privileges_changes;
extern __thread unsigned privileges_changes_seen;
void privileges_catch_up(void);

static inline void privileges_follow(void)
{
    if (privileges_changes_seen != atomic_load_explicit(&privileges_changes, memory_order_relaxed))
        privileges_catch_up();
}

/* The program itself says what it wants to keep: prctl(PR_SET_KEEPCAPS). */
void privileges_left_to_program(void);

/*
 * Around a call that changes ids: the C library interrupts all other threads for it, which is no
 * signal of the program's. A thread that was interrupted asks whether that was such a call: one
 * that is under way, or has come to its end since privileges_id_changes() was what it notes before.
 */
void privileges_id_change_begins(void);
void privileges_id_change_ends(void);
unsigned privileges_id_changes(void);
bool privileges_id_changed_since(unsigned changes);

/* What a call of capset() is to set in the place of data (two elements, version 3). */
void privileges_add_kept(struct __user_cap_data_struct data[2]);

/* The last divert socket is closed: gives up what was kept. */
void privileges_give_up(void);

/* Whether this thread may give verdicts. */
bool privileges_has_net_admin(void);

#endif
