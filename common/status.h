/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The statistics of a divert socket, for divert-run --status. They stand at the head of the
 * socket's shared memory, a memfd; another process finds that in /proc/PID/fd by its magic number
 * and reads it. There is no lock: one number may be a packet behind the next.
 *
 * Packets are IP packets; a large (GSO) packet counts as one. Bytes are those of the whole packet,
 * header included. Numbers are in host byte order and only grow, except where noted.
 */
#ifndef DIVERTSHIM_STATUS_H
#define DIVERTSHIM_STATUS_H

#include <stddef.h>
#include <stdint.h>

#define STATUS_MEMORY  "divertshim" /* name for memfd_create(2) */
#define STATUS_MAGIC   UINT64_C(0x7375746174736964)
#define STATUS_VERSION 1u /* incremented with every change of struct status */

struct status_count {
    uint64_t packets, bytes;
};

/* What became of a packet that was written. */
enum status_fate {
    STATUS_MATCHED,      /* went on as the packet it was read as */
    STATUS_INJECTED_OUT, /* injected, outgoing: never read, or cannot go on as a verdict */
    STATUS_INJECTED_IN,  /* injected, incoming */
    STATUS_BAD_CHECKSUM, /* incoming with a wrong IP header checksum: dropped silently */
    STATUS_FATES
};

struct status {
    uint64_t magic;
    uint32_t version;
    uint32_t size;    /* of this structure, in bytes */
    uint64_t netlink; /* inode number of its netlink socket, as in /proc/PID/fd */
    uint32_t family;  /* AF_INET or AF_INET6 */
    uint32_t port;    /* divert port; 0 while unbound */

    /* Read by the program, MSG_PEEK not counted; full length, even if its buffer was shorter. */
    struct status_count read;
    /* Of these, copies made by tee rules: none of them is matched or dropped later. */
    struct status_count copies;
    /* Writes that succeeded; by the length in the IP header. The sum of all fates. */
    struct status_count written;
    struct status_count fate[STATUS_FATES];
    /* Dropped because they were not written within DIVERTSHIM_HOLD_MS. */
    struct status_count expired;
    /* Dropped because too many packets were read after them and not written. */
    struct status_count evicted;
    /* Packets whose write failed with an error. */
    uint64_t refused;
    /* Packets dropped because a process was killed in the middle of a read or write. */
    uint64_t abandoned;
    /* Packets read and neither written nor dropped, at this moment. Grows and shrinks. */
    uint64_t unwritten;
};

static inline void status_count(struct status_count *c, size_t bytes)
{
    c->packets++;
    c->bytes += bytes;
}

#endif
