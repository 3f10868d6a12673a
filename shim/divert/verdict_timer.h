/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts may wait for the next ones while the program has packets at hand to go on with. Should
 * it not go on, a timer sends them: a request that lies with the kernel (io_uring), a timer and a
 * sendmsg(2) behind it. It needs neither a thread nor a signal. The kernel carries it out in the
 * thread that armed it, wherever that is at the time; so only this thread adds to what waits.
 */
#ifndef DIVERTSHIM_VERDICT_TIMER_H
#define DIVERTSHIM_VERDICT_TIMER_H

#include "nfq.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct verdict_timer;

/*
 * A timer, not armed, that writes a batch to the descriptor fd. NULL if the kernel has none for us:
 * without io_uring, before Linux 5.16, or in a sandbox, which might kill who asks, unless
 * "filtered" says that it will not; it is not asked again then.
 */
struct verdict_timer *verdict_timer_open(int fd, const struct nfqueue_batch *batch, bool filtered);

/* Also in a child, of its parent's: what that holds is the parent's to send. */
void verdict_timer_close(struct verdict_timer *t);

/* Whether this process opened it: in a child it is of no use. */
bool verdict_timer_is_ours(const struct verdict_timer *t);

/* Whether it is armed, by whatever thread of this process, or has gone off since. */
bool verdict_timer_armed(struct verdict_timer *t);

/* The id of the thread of this process that has armed it, or 0. */
uint32_t verdict_timer_armed_by(const struct verdict_timer *t);

/*
 * Before the first verdict is put to the batch: sends what it will hold within a millisecond. False
 * if that is impossible at the moment: then nothing may wait.
 */
bool verdict_timer_arm(struct verdict_timer *t);

/* Whether the calling thread has armed it and it has not gone off: more may be put to the batch. */
bool verdict_timer_armed_here(struct verdict_timer *t);

/*
 * Whether it has gone off and sent the batch; then it is not armed any more. If the kernel could
 * not send, it is not armed either, and the answer is false.
 */
bool verdict_timer_went_off(struct verdict_timer *t);

/* Before the thread waits, or ends: the kernel would interrupt it. */
void verdict_timer_disarm(struct verdict_timer *t);

#endif
