/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors of our own, kept out of the program's way: high numbers, close-on-exec. */
#ifndef DIVERTSHIM_HIDDEN_H
#define DIVERTSHIM_HIDDEN_H

/*
 * Moves fd to a high number and closes the old one. Returns the new descriptor, or fd itself if
 * there is no room above; a negative fd is handed through.
 */
int hidden_fd(int fd);

#endif
