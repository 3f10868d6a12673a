/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Divert sockets over UNIX sockets (SCM_RIGHTS). Behind the program's descriptor are private ones,
 * which have to go along. So another is sent in its place: a container, a UNIX socket in which a
 * message waits that holds them all. The receiver's library puts the divert socket in its place
 * again; a receiver without the library can hand the container on.
 */
#ifndef DIVERTSHIM_RIGHTS_H
#define DIVERTSHIM_RIGHTS_H

#include <stdbool.h>
#include <sys/socket.h>

#define RIGHTS_CONTROL_MAX 2048 /* bytes of control messages; the kernel takes 253 descriptors */

/* Whether a message to be sent carries a divert socket. */
bool rights_needed(const struct msghdr *msg);

/*
 * A copy of the message's control data into control, with containers for divert sockets. *packed
 * is the message with it. Returns 0 or -errno; then, and after sending, rights_release() closes the
 * containers.
 */
int rights_pack(const struct msghdr *msg, struct msghdr *packed, void *control);
void rights_release(const struct msghdr *msg, const struct msghdr *packed);

/* A message was received: where it brought containers, there are divert sockets then. */
void rights_unpack(struct msghdr *msg);

#endif
