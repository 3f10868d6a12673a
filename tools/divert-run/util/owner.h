/* Whose a rule in the firewall is: every jump to our chains carries its owner as a comment. */
#ifndef DIVERT_RUN_OWNER_H
#define DIVERT_RUN_OWNER_H

#include <stdbool.h>
#include <stddef.h>

/* "divert-run pid=12 start=345 pidns=6": this process. */
void owner_self(char *out, size_t size);
/*
 * Does TEXT, a line of a listing, name an owner that is no more? Not if the owner is in another PID
 * namespace, which cannot be told from here.
 */
bool owner_gone(const char *text);
/* Four hexadecimal digits by chance. */
void owner_new_id(char id[5]);

#endif
