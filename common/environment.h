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
/* 1: the rules dispatch on tags, because divert-run made them. 2: and an injected outgoing packet
 * gets the mark of its socket behind OUTPUT, so that its route is looked up without the tag. */
#define ENV_TAGS "DIVERTSHIM_TAGS"
/* Tags up to this number belong to the rules of other divert-runs. */
#define ENV_TAG_BASE "DIVERTSHIM_TAG_BASE"
/* Tags above this number do so, too. */
#define ENV_TAG_LAST "DIVERTSHIM_TAG_LAST"
/* Bits of the packet mark that hold the tag; see mark.h. */
#define ENV_MARK_MASK "DIVERTSHIM_MARK_MASK"
/* The capabilities that verdicts need: 0: lost with root; 1: kept with a socket; 2: kept always. */
#define ENV_KEEP_CAPS "DIVERTSHIM_KEEP_CAPS"
/* 1: large packets are read whole, as GSO left them. */
#define ENV_GSO "DIVERTSHIM_GSO"
/* 0: each verdict is sent at once; 1: some wait for the next ones, for a moment. */
#define ENV_BATCH "DIVERTSHIM_BATCH"
/* Length of the kernel's queue in packets, those included that were read and have no verdict. */
#define ENV_QUEUE_LEN "DIVERTSHIM_QUEUE_LEN"
/* Milliseconds after which a packet is dropped that was read and not written. */
#define ENV_HOLD_MS "DIVERTSHIM_HOLD_MS"
/* Number of sockets that may share a divert port. */
#define ENV_LISTENERS "DIVERTSHIM_LISTENERS"
/* File that gets a line for each packet; 1: standard error. */
#define ENV_TRACE "DIVERTSHIM_TRACE"
/* File that gets the packets in pcap format. */
#define ENV_PCAP "DIVERTSHIM_PCAP"
/* Divert sockets that a program inherits over exec; for the library alone. */
#define ENV_INHERIT "DIVERTSHIM_INHERIT"
/* Path of the library, for divert-run alone. */
#define ENV_LIBRARY "DIVERTSHIM_LIBRARY"

#endif
