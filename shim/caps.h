/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities across the loss of root. A BSD program binds as root and then becomes somebody
 * else; its socket goes on working. NFQUEUE asks for CAP_NET_ADMIN at every verdict, so a thread
 * that gives up its privileges while a divert socket is open keeps that one and CAP_NET_RAW, until
 * the last divert socket is closed. DIVERTSHIM_KEEP_CAPS=0 turns it off.
 */
#ifndef DIVERTSHIM_CAPS_H
#define DIVERTSHIM_CAPS_H

#include <stdbool.h>

#include <linux/capability.h>

/* Around a call that may take privileges from this thread; errno is kept. */
void caps_before_change(void);
void caps_after_change(void);

/* What a call of capset() is to set in the place of data (two elements, version 3). */
void caps_add_kept(struct __user_cap_data_struct data[2]);

/* The last divert socket is closed: gives up what was kept. */
void caps_give_up(void);

/* Whether this thread may give verdicts. */
bool caps_has_net_admin(void);

#endif
