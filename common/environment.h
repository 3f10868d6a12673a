/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the environment variables that the library reads and divert-run sets. Their values and
 * defaults are in divertshim(7).
 */
#ifndef DIVERTSHIM_ENVIRONMENT_H
#define DIVERTSHIM_ENVIRONMENT_H

/* Which messages the library writes: error, warn, info or debug. */
#define ENV_LOG "DIVERTSHIM_LOG"
/* Whose divert(4) it is: freebsd or openbsd. */
#define ENV_PERSONALITY "DIVERTSHIM_PERSONALITY"
/*
 * 1: the rules dispatch on tags, because divert-run made them. 2: in addition, rules behind OUTPUT
 * give an injected packet the mark of its socket, so that it is routed without the tag.
 */
#define ENV_TAGS "DIVERTSHIM_TAGS"
/* Tags up to this number belong to the rules of other divert-runs. */
#define ENV_TAG_BASE "DIVERTSHIM_TAG_BASE"
/* Tags above this number do so, too. */
#define ENV_TAG_LAST "DIVERTSHIM_TAG_LAST"
/* Bits of the packet mark that hold the tag; see mark.h. */
#define ENV_MARK_MASK "DIVERTSHIM_MARK_MASK"
/*
 * What becomes of the capabilities that verdicts need. 0: they go with root; 1: kept while a divert
 * socket is open; 2: kept always.
 */
#define ENV_KEEP_CAPS "DIVERTSHIM_KEEP_CAPS"
/* 1: large packets are read whole, as GSO left them. */
#define ENV_GSO "DIVERTSHIM_GSO"
/*
 * 0: each verdict is sent at once. 1: a verdict may wait up to a millisecond for the next ones. 2:
 * also under a seccomp filter.
 */
#define ENV_BATCH "DIVERTSHIM_BATCH"
/*
 * Length of the kernel's queue in packets, including those that were read and have no verdict yet.
 */
#define ENV_QUEUE_LEN "DIVERTSHIM_QUEUE_LEN"
/* Milliseconds after which a packet that was read and not written is dropped. */
#define ENV_HOLD_MS "DIVERTSHIM_HOLD_MS"
/* Number of sockets that may share a divert port. */
#define ENV_LISTENERS "DIVERTSHIM_LISTENERS"
/* File that gets a line for each packet; 1 or -: standard error. */
#define ENV_TRACE "DIVERTSHIM_TRACE"
/* File that gets the packets in pcap format. */
#define ENV_PCAP "DIVERTSHIM_PCAP"
/* Divert sockets that a program inherits over exec; set and read by the library only. */
#define ENV_INHERIT "DIVERTSHIM_INHERIT"
/* Path of the library; only divert-run reads it. */
#define ENV_LIBRARY "DIVERTSHIM_LIBRARY"

#endif
