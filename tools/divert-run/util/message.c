/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes messages to standard error. */
#include "util/message.h"

#include "util/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 160u /* columns of a rule that are shown around an error */

int verbosity;

/* Length in bytes of the UTF-8 character at S; 0 if it is invalid or a control character. */
static size_t printable_length(const unsigned char *s)
{
    size_t len = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc2 ? 2 : 1;

    if (len == 1)
        return *s >= ' ' && *s < 0x7f;
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    return *s == 0xc2 && s[1] < 0xa0 ? 0 : len;
}

static void append_escaped(const char *s, struct text *out)
{
    while (*s) {
        size_t len = printable_length((const unsigned char *)s);

        if (len)
            text_add_bytes(out, s, len);
        else
            text_add(out, strchr("\t\n", *s) ? " " : "\\x%02x", (unsigned char)*s);
        s += len ? len : 1;
    }
}

/* The result is one line, whatever the arguments contain. */
static void write_message(const char *fmt, va_list ap)
{
    struct text message = {0}, line = {0};

    text_vadd(&message, fmt, ap);
    text_add(&line, "divert-run: ");
    append_escaped(text_str(&message), &line);
    text_add(&line, "\n");
    fputs(text_str(&line), stderr);
    text_free(&message);
    text_free(&line);
}

void message_place(const char *text, size_t offset, size_t length)
{
    size_t from = offset > SHOWN / 2 ? offset - SHOWN / 2 : 0;
    size_t mark = offset - from, shown = strcspn(text + from, "\n");
    struct text line = {0};

    if (shown > SHOWN)
        shown = SHOWN;
    text_add(&line, "  %.*s\n  %*s^", (int)shown, text + from, (int)mark, "");
    for (char *s = line.s + 2; s < line.s + 2 + shown; s++) {
        if (*s < ' ' || *s == 0x7f)
            *s = *s && strchr("\t\r\v\f", *s) ? ' ' : '?'; /* keeps the columns */
    }
    for (size_t i = 1; i < length && mark + i < shown; i++)
        text_add(&line, "~");
    text_add(&line, "\n");
    fputs(text_str(&line), stderr);
    text_free(&line);
}

void message_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_message(fmt, ap);
    va_end(ap);
}

void message_warning(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (verbosity >= 0)
        write_message(fmt, ap);
    va_end(ap);
}

void message_log(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_message(fmt, ap);
    va_end(ap);
}

void message_note(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (verbosity > 0)
        write_message(fmt, ap);
    va_end(ap);
}
