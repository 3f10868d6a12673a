/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Divert sockets that were opened without the library. To the kernel they are raw sockets of
 * protocol 254 or 258, and never receive anything.
 */
#ifndef DIVERT_RUN_UNSHIMMED_H
#define DIVERT_RUN_UNSHIMMED_H

/* Returns how many there are in this network namespace. */
unsigned unshimmed_sockets(void);

#endif
