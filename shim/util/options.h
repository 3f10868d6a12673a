/* SPDX-License-Identifier: BSD-2-Clause */
/* The DIVERTSHIM_* environment, one variable an option; see divertshim(7). */
#ifndef DIVERTSHIM_OPTIONS_H
#define DIVERTSHIM_OPTIONS_H

#include "common/mark.h"

#include <stdbool.h>
#include <stdint.h>

/* When capabilities survive the loss of root, see privileges.h. */
enum keep_caps { KEEP_CAPS_NEVER, KEEP_CAPS_WITH_SOCKET, KEEP_CAPS_ALWAYS };

struct options {
    uint32_t mark_mask;  /* bits of the packet mark that hold the tag, contiguous */
    unsigned mark_shift; /* position of the lowest of them */
    bool tags;           /* the rules dispatch on tags (divert-run made them) */
    bool socket_mark;    /* they also give an injected packet the mark of its socket after OUTPUT */
    uint32_t tag_base;   /* tags up to this one belong to other programs' rules */
    uint32_t tag_last;   /* tags above this one, too */
    bool openbsd;        /* personality */
    enum keep_caps keep_caps;
    bool gso;            /* large (GSO) packets are read uncut */
    bool batch;          /* verdicts may wait for the next ones, for a moment */
    bool batch_filtered; /* also under a seccomp filter */
    uint32_t queue_len;  /* packets in the kernel's queue, read ones included */
    uint32_t hold_ms;    /* milliseconds after which a packet read and not written is dropped */
    const char *trace;   /* file for lines about packets, "-" for standard error, or NULL */
    const char *pcap;    /* the file that packets go to, or NULL */
    uint32_t listeners;  /* sockets that may share a divert port, on as many queues */
};

/*
 * The options, read from the environment on the first call; owned by the library. NULL if a
 * variable is invalid: that has been reported, and socket() fails with EINVAL.
 */
const struct options *options_get(void);

/* Whether capabilities are to be kept before there is a divert socket. */
bool options_keep_caps_from_start(void);

/* The tag in a packet mark, and a mark with its tag replaced. Host byte order. */
uint16_t options_tag_of_mark(const struct options *o, uint32_t mark);
uint32_t options_mark_with_tag(const struct options *o, uint32_t mark, uint16_t tag);

#endif
