/* SPDX-License-Identifier: BSD-2-Clause */
/* Growing strings, and allocation that ends the program when there is no memory. */
#ifndef DIVERT_RUN_TEXT_H
#define DIVERT_RUN_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* Zeroed memory is an empty string; text_free() releases it. */
struct text {
    char *s;
    size_t len;
    size_t size;
};

void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_vadd(struct text *t, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void text_add_bytes(struct text *t, const void *bytes, size_t len);
/* The string so far, never NULL. */
const char *text_str(const struct text *t);
void text_free(struct text *t);

/* reallocarray(3) for COUNT members of SIZE bytes. Ends the program with status 125 when there is
 * no memory. */
void *grow_array(void *memory, size_t count, size_t size);
char *copy_string(const char *s);

#endif
