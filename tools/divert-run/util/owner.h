/* SPDX-License-Identifier: BSD-2-Clause */
/* The owner of a firewall rule: every jump to our chains names its process in a comment. */
#ifndef DIVERT_RUN_OWNER_H
#define DIVERT_RUN_OWNER_H

#include <stdbool.h>
#include <stddef.h>

/* Writes "divert-run pid=12 start=345 pidns=6", which names this process. */
void owner_self(char *out, size_t size);
/*
 * Does TEXT, a line of a listing, name an owner that has ended? False if the owner is in another
 * PID namespace, where it cannot be seen.
 */
bool owner_gone(const char *text);
/* Writes four random hexadecimal digits. */
void owner_new_id(char id[5]);

#endif
