/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracing the packets of a divert socket. To be called under its lock, if trace_on(). */
#ifndef DIVERTSHIM_TRACING_H
#define DIVERTSHIM_TRACING_H

#include "divert/private.h"
#include "trace/trace.h"

/* A packet that the program has just read, with its tag; checksums are complete. */
void divert_trace_read(struct divert_socket *s, const struct nfqueue_packet *p,
                       const uint8_t *bytes, uint16_t tag);

/*
 * A packet that the program wrote, and its fate; err is the result of the write, 0 or -errno.
 * repeated: it goes on behind the rule of its tag. p->port is filled in.
 */
void divert_trace_written(struct divert_socket *s, struct trace_packet *p, enum status_fate fate,
                          bool repeated, int err);

/* A packet that was read and is dropped; why is the reason. */
void divert_trace_dropped(struct divert_socket *s, const struct in_flight_packet *p,
                          const char *why);

#endif
