/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing traces from within a program: whole records, at once, from any thread and process that
 * has the file; a file that takes no more, or a pipe that nobody reads, is no matter of the
 * program.
 */
#ifndef DIVERTSHIM_TRACE_FILE_H
#define DIVERTSHIM_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct pcap_head;
struct trace_state;

struct trace_file {
    const char *variable;      /* that asked for it, for messages */
    char name[128];            /* of the file, for them, too */
    struct trace_state *state; /* shared by all processes that have the file; NULL: not open */
    int fd;                    /* private */
    bool regular;
    bool ours; /* opened by us, not the standard error */
};

/* As trace_open(); or a copy of the standard error, for "-" and "1". Says what does not work. */
void trace_file_open(struct trace_file *f, const char *name, const struct pcap_head *head,
                     bool goes_on);

/* Bytes of the longest record that goes into the file in one piece. */
size_t trace_file_longest(const struct trace_file *f);

/*
 * Writes one record, in up to four pieces. Left out if a pipe is full. When the file takes no more,
 * that is said once, and there is nothing further written. Keeps errno.
 */
void trace_file_put(struct trace_file *f, const struct iovec *record, int pieces);

/* How many records were left out since the last call. */
unsigned long trace_file_left_out(struct trace_file *f);

#endif
