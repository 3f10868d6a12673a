/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors of the library's own, kept out of the program's way: high numbers, close-on-exec, and
 * to the program as good as closed.
 */
#ifndef DIVERTSHIM_PRIVATE_FD_H
#define DIVERTSHIM_PRIVATE_FD_H

/*
 * Moves fd to a high number and closes the old one. Returns the new descriptor, or fd itself if
 * there is no room above; a negative fd is handed through.
 */
int private_fd(int fd);

/* Closes one; nothing for a negative number. */
void private_fd_close(int fd);

#endif
