/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The environment of the library: a line NAME=VALUE for each DIVERTSHIM_* variable. Accepted
 * options are valid; what DIVERTSHIM_INHERIT names is adopted only if it is a divert socket, and
 * this process has none. options.c is included, for it reads the environment only once.
 */
#include "util/options.c"

#include "divert/divert.h"
#include "divert/inherit.h"
#include "fuzz.h"

#include <stdarg.h>

void log_set_level(enum log_level level)
{
    REQUIRE(level >= LOG_ERROR && level <= LOG_DEBUG, "level %d", (int)level);
}

/* Instead of standard error, where the fuzzer writes. */
void log_line(enum log_level level, const char *format, ...)
{
    char line[512];
    va_list args;

    (void)level;
    va_start(args, format);
    REQUIRE(vsnprintf(line, sizeof(line), format, args) < (int)sizeof(line), "cut: %s", line);
    va_end(args);
    REQUIRE(strstr(line, "DIVERTSHIM_") || strstr(line, "divert socket"), "%s", line);
}

bool log_has_standard_error(void)
{
    return true;
}

static void expect_sense(const struct options *o)
{
    REQUIRE(o->mark_mask >> o->mark_shift == 0xffff, "mask %08x", o->mark_mask);
    REQUIRE(o->queue_len >= 16 && o->queue_len <= 1 << 20, "queue_len %u", o->queue_len);
    REQUIRE(o->hold_ms >= 10 && o->hold_ms <= 3600 * 1000, "hold_ms %u", o->hold_ms);
    REQUIRE(o->listeners >= 1 && o->listeners <= 256, "listeners %u", o->listeners);
    REQUIRE(o->tag_base <= o->tag_last && o->tag_last <= TAG_PAST_ALL, "tags %u to %u", o->tag_base,
            o->tag_last);
    for (uint32_t tag = 0; tag <= 0xffff; tag += 0x1111)
        REQUIRE(options_tag_of_mark(o, options_mark_with_tag(o, 0x5a5a5a5a, (uint16_t)tag)) == tag,
                "tag %u", tag);
}

static void set_variables(char *lines)
{
    char *line;

    clearenv();
    while ((line = strsep(&lines, "\n"))) {
        char *value = strchr(line, '='), name[64];

        if (!value || value == line)
            continue;
        *value++ = '\0';
        snprintf(name, sizeof(name), "DIVERTSHIM_%.40s", line);
        setenv(name, value, 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct options defaults;
    static bool started;
    char *lines = malloc(size + 1);

    if (!started)
        defaults = options;
    started = true;
    REQUIRE(lines, "no memory");
    memcpy(lines, data, size);
    lines[size] = '\0';
    set_variables(lines);
    free(lines);
    options = defaults;
    read_environment();
    if (sensible)
        expect_sense(&options);
    inherit_adopt();
    REQUIRE(!divert_any_open(), "a divert socket from nowhere");
    REQUIRE(!getenv("DIVERTSHIM_INHERIT"), "it stays for the next program");
    clearenv();
    return 0;
}
