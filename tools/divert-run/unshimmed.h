/*
 * Divert sockets that the kernel made: for Linux a raw socket of protocol 254 or 258 is nothing
 * special, so a program into which the library was not loaded opens one, and never receives
 * anything.
 */
#ifndef DIVERT_RUN_UNSHIMMED_H
#define DIVERT_RUN_UNSHIMMED_H

/* How many there are in this network namespace. */
unsigned unshimmed_sockets(void);

#endif
