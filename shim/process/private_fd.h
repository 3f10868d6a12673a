/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private descriptors: the library's own, kept out of the program's way. They have high numbers,
 * are close-on-exec, and count as closed to the program.
 */
#ifndef DIVERTSHIM_PRIVATE_FD_H
#define DIVERTSHIM_PRIVATE_FD_H

/*
 * Moves fd to a high number and closes the old one. Returns the new descriptor, or fd itself if
 * there is no room above; a negative fd is returned as it is.
 */
int private_fd(int fd);

/* Closes one; nothing for a negative number. */
void private_fd_close(int fd);

#endif
