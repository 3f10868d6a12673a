/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the DIVERTSHIM_* environment. */
#include "util/options.h"

#include "common/environment.h"
#include "common/mark.h"
#include "process/process.h"
#include "util/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static struct options options = {
    .mark_mask = MARK_MASK_DEFAULT,
    .mark_shift = 16,
    .batch = true,
    .queue_len = 32768,
    .hold_ms = 5000,
    .listeners = 1,
    .tag_last = TAG_PAST_ALL,
};
static bool sensible;
static _Atomic bool have_read;

static bool refuse_value(const char *name, const char *value, const char *expected)
{
    log_line(LOG_ERROR, "%s=%.80s%s: expected %s", name, value, strlen(value) > 80 ? "..." : "",
             expected);
    return false;
}

static bool read_number(const char *name, uint32_t min, uint32_t max, uint32_t *out,
                        const char *expected)
{
    const char *value = secure_getenv(name);
    unsigned long long number;
    char *end;

    if (!value || !*value)
        return true;
    errno = 0;
    number = strtoull(value, &end, 0);
    if (errno || *end || *value < '0' || *value > '9' || number < min || number > max)
        return refuse_value(name, value, expected);
    *out = (uint32_t)number;
    return true;
}

static bool read_choice(const char *name, const char *const *words, unsigned *out,
                        const char *expected)
{
    const char *value = secure_getenv(name);

    if (!value || !*value)
        return true;
    for (unsigned i = 0; words[i]; i++) {
        if (strcmp(value, words[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return refuse_value(name, value, expected);
}

static const char *read_name(const char *name)
{
    const char *value = secure_getenv(name);

    return value && *value ? value : NULL;
}

static bool read_mask(void)
{
    static const char expected[] = "16 contiguous bits, such as 0xffff0000";
    uint32_t mask = options.mark_mask;

    if (!read_number(ENV_MARK_MASK, 1, UINT32_MAX, &mask, expected))
        return false;
    if (!mark_mask_valid(mask))
        return refuse_value(ENV_MARK_MASK, secure_getenv(ENV_MARK_MASK), expected);
    options.mark_mask = mask;
    options.mark_shift = mark_shift(mask);
    return true;
}

static bool read_tags(void)
{
    static const char expected[] = "a rule number from 0 to 65534";

    if (!read_number(ENV_TAG_BASE, 0, TAG_PAST_ALL, &options.tag_base, expected) ||
        !read_number(ENV_TAG_LAST, 0, TAG_PAST_ALL, &options.tag_last, expected))
        return false;
    if (options.tag_base > options.tag_last)
        log_line(LOG_ERROR, ENV_TAG_BASE "=%u: expected at most " ENV_TAG_LAST "=%u",
                 options.tag_base, options.tag_last);
    return options.tag_base <= options.tag_last;
}

static void read_environment(void)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
    static const char *const personalities[] = {"freebsd", "openbsd", NULL};
    unsigned level = LOG_WARN, personality = 0;
    uint32_t tags = 0, keep_caps = 1, gso = 0, batch = 1;

    sensible = read_choice(ENV_LOG, levels, &level, "error, warn, info or debug");
    log_set_level(level);
    sensible &= read_choice(ENV_PERSONALITY, personalities, &personality, "freebsd or openbsd");
    sensible &= read_number(ENV_TAGS, 0, 2, &tags, "0, 1 or 2");
    sensible &= read_number(ENV_KEEP_CAPS, 0, 2, &keep_caps, "0, 1 or 2");
    sensible &= read_number(ENV_GSO, 0, 1, &gso, "0 or 1");
    sensible &= read_number(ENV_BATCH, 0, 2, &batch, "0, 1 or 2");
    sensible &= read_number(ENV_QUEUE_LEN, 16, 1 << 20, &options.queue_len,
                            "a number of packets from 16 to 1048576");
    sensible &= read_number(ENV_HOLD_MS, 10, 3600 * 1000, &options.hold_ms,
                            "milliseconds from 10 to 3600000");
    sensible &= read_tags();
    sensible &=
        read_number(ENV_LISTENERS, 1, 256, &options.listeners, "a number of sockets from 1 to 256");
    sensible &= read_mask();
    options.trace = read_name(ENV_TRACE);
    options.pcap = read_name(ENV_PCAP);
    options.openbsd = personality == 1;
    options.tags = tags > 0;
    options.socket_mark = tags == 2;
    options.keep_caps = (enum keep_caps)keep_caps;
    options.gso = gso == 1;
    options.batch = batch > 0;
    options.batch_filtered = batch == 2;
}

const struct options *options_get(void)
{
    if (!atomic_load_explicit(&have_read, memory_order_acquire)) {
        process_lock(LOCK_OPTIONS);
        if (!atomic_load(&have_read))
            read_environment();
        atomic_store(&have_read, true);
        process_unlock(LOCK_OPTIONS);
    }
    return sensible ? &options : NULL;
}

bool options_keep_caps_from_start(void)
{
    const char *value = secure_getenv(ENV_KEEP_CAPS);

    return value && strtoul(value, NULL, 0) == KEEP_CAPS_ALWAYS;
}

uint16_t options_tag_of_mark(const struct options *o, uint32_t mark)
{
    return (uint16_t)((mark & o->mark_mask) >> o->mark_shift);
}

uint32_t options_mark_with_tag(const struct options *o, uint32_t mark, uint16_t tag)
{
    return (mark & ~o->mark_mask) | (uint32_t)tag << o->mark_shift;
}
