/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts may wait for the next ones while the program has packets at hand to go on with. If it
 * does not go on, a timer sends them: two linked requests in an io_uring, a timeout and a
 * sendmsg(2). This takes neither a thread nor a signal. The kernel runs the requests in the thread
 * that armed the timer, wherever that is at the time; so only this thread adds to the batch.
 */
#ifndef DIVERTSHIM_VERDICT_TIMER_H
#define DIVERTSHIM_VERDICT_TIMER_H

#include "nfq.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct verdict_timer;

/*
 * Makes a timer, not armed, that sends a batch on the descriptor fd. NULL if that is impossible:
 * without io_uring, before Linux 5.16, or under a seccomp filter, which might kill the process,
 * unless "filtered" says that it does not. Then the kernel is not asked again.
 */
struct verdict_timer *verdict_timer_open(int fd, const struct nfqueue_batch *batch, bool filtered);

/* Also for a parent's timer in a child: what it holds is the parent's to send. NULL is ignored. */
void verdict_timer_close(struct verdict_timer *t);

/* Whether this process opened it: a parent's timer is of no use in a child. */
bool verdict_timer_is_ours(const struct verdict_timer *t);

/*
 * Whether it has been armed, by any thread of this process, and neither disarmed nor seen to have
 * expired since.
 */
bool verdict_timer_armed(struct verdict_timer *t);

/* The id of the thread of this process that has armed it, or 0. */
uint32_t verdict_timer_armed_by(const struct verdict_timer *t);

/*
 * To be called before the first verdict is put into the batch: within a millisecond the kernel will
 * send what it then holds. False if that is impossible now: then no verdict may wait.
 */
bool verdict_timer_arm(struct verdict_timer *t);

/* Whether the calling thread armed it and it has not expired: more may be put into the batch. */
bool verdict_timer_armed_here(struct verdict_timer *t);

/*
 * Whether it has expired and sent the batch. If the kernel could not send, the result is false.
 * Either way it is no longer armed.
 */
bool verdict_timer_expired(struct verdict_timer *t);

/* To be called before the thread waits, or ends: an expiring timer would interrupt it. */
void verdict_timer_disarm(struct verdict_timer *t);

#endif
