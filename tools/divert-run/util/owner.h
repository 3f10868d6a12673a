/* SPDX-License-Identifier: BSD-2-Clause */
/* The owner of a firewall rule: every jump to our chains names its process in a comment. */
#ifndef DIVERT_RUN_OWNER_H
#define DIVERT_RUN_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes "divert-run pid=12 start=345 pidns=6", which names this process. */
void owner_self(char *out, size_t size);
/* Does TEXT name an owner? */
bool owner_named(const char *text);
/*
 * Does TEXT, a line of a listing, name an owner that has ended? False if the owner is in another
 * PID namespace, where it cannot be seen.
 */
bool owner_gone(const char *text);
/* The tags of runs, read from the comments of their jumps. */
struct owner_tags {
    unsigned runs; /* jumps that were read */
    unsigned last; /* the highest tag of any of them */
    uint32_t mask; /* of the last one read */
    bool masks_differ;
    unsigned before; /* our place is behind runs whose last tag is below this */
};

/* Appends " tags=FIRST-LAST/MASK" to a text of owner_self(). */
void owner_add_tags(char *owner, size_t size, unsigned first, unsigned last, uint32_t mask);
/* Adds the tags in TEXT, part of a listing, to *tags. Returns the last one, 0 if none. */
unsigned owner_read_tags(const char *text, struct owner_tags *tags);
/* Writes four random hexadecimal digits. */
void owner_new_id(char id[5]);

#endif
