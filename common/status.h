/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a divert socket tells of itself, to divert-run --status. It stands at the head of the
 * socket's memory, which is a file without a name; another process finds that by its mark in
 * /proc/PID/fd and reads it. Nobody waits for anybody: a number may be a packet older than the
 * next.
 *
 * Packets are IP packets, large ones uncut; bytes are those of the whole packet, header included.
 * Numbers are in host byte order and only grow, but for those that say otherwise.
 */
#ifndef DIVERTSHIM_STATUS_H
#define DIVERTSHIM_STATUS_H

#include <stddef.h>
#include <stdint.h>

#define STATUS_MEMORY  "divertshim" /* name for memfd_create(2) */
#define STATUS_MAGIC   UINT64_C(0x7375746174736964)
#define STATUS_VERSION 1u /* grows with every change of struct status */

struct status_count {
    uint64_t packets, bytes;
};

/* What became of a packet that was written. */
enum status_fate {
    STATUS_MATCHED,      /* went on as the packet it was read as */
    STATUS_INJECTED_OUT, /* sent anew, outgoing: was never read, or has to be routed afresh */
    STATUS_INJECTED_IN,  /* sent anew, incoming */
    STATUS_BAD_CHECKSUM, /* incoming with a wrong IP header checksum: dropped without a word */
    STATUS_FATES
};

struct status {
    uint64_t magic;
    uint32_t version;
    uint32_t size;    /* of this structure, in bytes */
    uint64_t netlink; /* inode number of the netlink socket behind it, as in /proc/PID/fd */
    uint32_t family;  /* AF_INET or AF_INET6 */
    uint32_t port;    /* divert port; 0 while unbound */

    /* Read by the program, without MSG_PEEK; in full length, also if its buffer was shorter. */
    struct status_count read;
    /* Of these, copies made by tee rules: none of them is matched or dropped later. */
    struct status_count copies;
    /* Writes that succeeded; by the length in the IP header. The sum of all fates. */
    struct status_count written;
    struct status_count fate[STATUS_FATES];
    /* Dropped because nobody wrote them within DIVERTSHIM_HOLD_MS. */
    struct status_count expired;
    /* Dropped because too many were read after them, and none of these written. */
    struct status_count evicted;
    /* Writes that failed with an error, packets. */
    uint64_t refused;
    /* Dropped because a process was killed in the middle of a read or write, packets. */
    uint64_t abandoned;
    /* Read and not written yet, at this moment: may still be either. Grows and shrinks. */
    uint64_t unwritten;
};

static inline void status_count(struct status_count *c, size_t bytes)
{
    c->packets++;
    c->bytes += bytes;
}

#endif
