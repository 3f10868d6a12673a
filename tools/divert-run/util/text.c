/* SPDX-License-Identifier: BSD-2-Clause */
/* A string that grows, and allocation that cannot fail. */
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die_without_memory(void)
{
    fputs("divert-run: out of memory; if rules were left, 'divert-run --cleanup' removes them\n",
          stderr);
    _Exit(125);
}

void *grow_array(void *memory, size_t count, size_t size)
{
    void *grown = reallocarray(memory, count ? count : 1, size);

    if (!grown)
        die_without_memory();
    return grown;
}

char *copy_string(const char *s)
{
    size_t size = strlen(s) + 1;

    return memcpy(grow_array(NULL, size, 1), s, size);
}

static void text_reserve(struct text *t, size_t more)
{
    if (t->size - t->len > more)
        return;
    t->size = (t->len + more + 1) * 2;
    t->s = grow_array(t->s, t->size, 1);
}

void text_add_bytes(struct text *t, const void *bytes, size_t len)
{
    text_reserve(t, len);
    if (len)
        memcpy(t->s + t->len, bytes, len);
    t->len += len;
    t->s[t->len] = '\0';
}

void text_vadd(struct text *t, const char *fmt, va_list ap)
{
    va_list again;
    int len;

    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0)
        die_without_memory();
    text_reserve(t, (size_t)len);
    vsnprintf(t->s + t->len, (size_t)len + 1, fmt, ap);
    t->len += (size_t)len;
}

void text_add(struct text *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    text_vadd(t, fmt, ap);
    va_end(ap);
}

const char *text_str(const struct text *t)
{
    return t->s ? t->s : "";
}

void text_free(struct text *t)
{
    free(t->s);
    *t = (struct text){0};
}
