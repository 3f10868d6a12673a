/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracing the packets of a divert socket. */
#include "divert/tracing.h"

#include "common/libc.h"
#include "inject/inject.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void divert_trace_read(struct divert_socket *s, const struct nfqueue_packet *p,
                       const uint8_t *bytes, uint16_t tag)
{
    bool incoming = divert_is_incoming(p);
    struct trace_packet packet = {
        .bytes = bytes,
        .len = p->len,
        .id = p->id,
        .queued = !p->is_tee,
        .incoming = incoming,
        .interface = incoming ? p->indev : p->outdev,
        .port = s->shared->port,
        .tag = tag,
    };

    trace_packet(TRACE_READ, &packet, p->is_tee ? "a copy" : NULL, true);
}

static const char *name_of_fate(enum status_fate fate, const struct trace_packet *p)
{
    switch (fate) {
    case STATUS_INJECTED_OUT:
        return "injected, outgoing";
    case STATUS_INJECTED_IN:
        return inject_is_martian(p->bytes, p->len, p->interface)
                   ? "injected, incoming; a martian, which most hosts drop"
                   : "injected, incoming";
    case STATUS_BAD_CHECKSUM:
        return "dropped, wrong header checksum";
    default:
        return "accepted";
    }
}

void divert_trace_written(struct divert_socket *s, struct trace_packet *p, enum status_fate fate,
                          bool repeated, int err)
{
    char text[128];

    p->port = s->shared->port;
    if (err)
        snprintf(text, sizeof(text), "refused, %s", libc_error_text(-err));
    else if (fate == STATUS_MATCHED && repeated && p->tag == 0)
        snprintf(text, sizeof(text), "runs the whole list");
    else if (fate == STATUS_MATCHED && repeated)
        snprintf(text, sizeof(text), "goes on after rule %u", p->tag);
    else
        snprintf(text, sizeof(text), "%s", name_of_fate(fate, p));
    trace_packet(TRACE_WRITE, p, text, !err);
}

void divert_trace_dropped(struct divert_socket *s, const struct in_flight_packet *p,
                          const char *why)
{
    const struct trace_packet packet = {
        .len = p->len,
        .id = p->id,
        .queued = true,
        .incoming = p->incoming,
        .interface = p->incoming ? p->indev : p->outdev,
        .port = s->shared->port,
    };

    trace_packet(TRACE_DROP, &packet, why, false);
}
