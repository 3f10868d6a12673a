/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Divert sockets over UNIX sockets (SCM_RIGHTS). Behind the program's descriptor are private ones,
 * which have to go along. So a container is sent in its place: a UNIX socket with a queued message
 * that holds them all. The receiver's library replaces it by the divert socket; a receiver without
 * the library can pass the container on.
 */
#ifndef DIVERTSHIM_RIGHTS_H
#define DIVERTSHIM_RIGHTS_H

#include <stdbool.h>
#include <sys/socket.h>

#define RIGHTS_CONTROL_MAX 2048 /* bytes of control messages; the kernel takes 253 descriptors */

/* Whether a message to be sent carries a divert socket. */
bool rights_needed(const struct msghdr *msg);

/*
 * Copies the message's control data into control (RIGHTS_CONTROL_MAX bytes), with containers in
 * place of divert sockets; *packed is the message with it. Returns 0 or -errno; in either case
 * rights_release() closes the containers, after sending.
 */
int rights_pack(const struct msghdr *msg, struct msghdr *packed, void *control);
void rights_release(const struct msghdr *msg, const struct msghdr *packed);

/* After a message was received: replaces the containers in it by divert sockets. Keeps errno. */
void rights_unpack(struct msghdr *msg);

#endif
