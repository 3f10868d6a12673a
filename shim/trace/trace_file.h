/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing trace files from within the traced program: whole records, from any thread and process
 * that has the file. A full file, or a pipe without a reader, does not disturb the program.
 */
#ifndef DIVERTSHIM_TRACE_FILE_H
#define DIVERTSHIM_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct pcap_head;
struct trace_state;

struct trace_file {
    const char *variable;      /* environment variable, for messages */
    char name[128];            /* of the file, for messages */
    struct trace_state *state; /* shared by all processes that have the file; NULL: not open */
    int fd;                    /* private */
    bool regular;
    bool ours; /* opened by us, not the standard error */
};

/* As trace_open(); or a copy of the standard error, for "-" and "1". Failures are reported. */
void trace_file_open(struct trace_file *f, const char *name, const struct pcap_head *head,
                     bool goes_on);

/* The longest record, in bytes, that is written in one piece. */
size_t trace_file_longest(const struct trace_file *f);

/*
 * Writes one record, gathered from pieces. It is left out if a pipe is full. If the file takes no
 * more, that is reported once, and nothing further is written. Keeps errno.
 */
void trace_file_put(struct trace_file *f, const struct iovec *record, int pieces);

/* How many records were left out since the last call. */
unsigned long trace_file_left_out(struct trace_file *f);

#endif
