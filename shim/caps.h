/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities across the loss of root. A BSD program binds as root and then becomes somebody
 * else; its socket goes on working. NFQUEUE asks for CAP_NET_ADMIN at every verdict, so a thread
 * that gives up its privileges while a divert socket is open keeps that one and CAP_NET_RAW, until
 * the last divert socket is closed. DIVERTSHIM_KEEP_CAPS=0 turns it off.
 */
#ifndef DIVERTSHIM_CAPS_H
#define DIVERTSHIM_CAPS_H

#include <linux/capability.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Around a call that may take privileges from all threads; errno is kept. */
void caps_before_change(void);
void caps_after_change(void);

/*
 * What the kernel keeps, it keeps for each thread by itself. So each thread that uses a divert
 * socket says in time that it wants to, and has its privileges reduced after the change when it
 * uses one again. A load and a test as long as nothing changed.
 */
extern _Atomic unsigned caps_changes;
extern __thread unsigned caps_changes_seen;
void caps_catch_up(void);

static inline void caps_follow(void)
{
    if (caps_changes_seen != atomic_load_explicit(&caps_changes, memory_order_relaxed))
        caps_catch_up();
}

/* The program itself says what it wants to keep: prctl(PR_SET_KEEPCAPS). */
void caps_left_to_program(void);

/*
 * Around a call that changes ids: the C library interrupts all other threads for it, which is no
 * signal of the program's. A thread that was interrupted asks whether that was such a call: one
 * that is under way, or has come to its end since caps_id_changes() was what it notes before.
 */
void caps_id_change_begins(void);
void caps_id_change_ends(void);
unsigned caps_id_changes(void);
bool caps_id_changed_since(unsigned changes);

/* What a call of capset() is to set in the place of data (two elements, version 3). */
void caps_add_kept(struct __user_cap_data_struct data[2]);

/* The last divert socket is closed: gives up what was kept. */
void caps_give_up(void);

/* Whether this thread may give verdicts. */
bool caps_has_net_admin(void);

#endif
