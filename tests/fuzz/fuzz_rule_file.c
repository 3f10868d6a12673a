/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of rules as divert-run -f reads it: it is refused with exit status 2 and one message, or
 * all of it is taken without one.
 */
#include "fuzz.h"
#include "rule_source.h"
#include "util/message.h"
#if __has_include("pf/pf.h")
#include "pf/pf.h"
#endif

#include <sys/mman.h>
#include <unistd.h>

int verbosity = -1;
static unsigned errors, places;

void message_error(const char *fmt, ...)
{
    (void)fmt;
    errors++;
}

void message_warning(const char *fmt, ...)
{
    (void)fmt;
}

void message_note(const char *fmt, ...)
{
    (void)fmt;
}

void message_place(const char *text, size_t offset, size_t length)
{
    REQUIRE(offset + length <= strlen(text), "%zu and %zu of %zu", offset, length, strlen(text));
    places++;
}

#if __has_include("pf/pf.h")
static int read_rules(const char *path, enum rule_language language)
{
    struct ipfw_model model = {0};
    struct pf_ruleset pf = {0};
    struct rule_source source = {.model = &model, .pf = &pf};
    int status = rules_from_file(&source, language, path);

    ipfw_model_free(&model);
    pf_free(&pf);
    return status;
}
#else
enum rule_language { LANGUAGE_IPFW };

static int read_rules(const char *path, enum rule_language language)
{
    struct ipfw_model model = {0};
    struct rule_source source = {.model = &model};
    int status = rules_from_file(&source, path);

    (void)language;
    ipfw_model_free(&model);
    return status;
}
#endif

static void expect_true_messages(const char *path, enum rule_language language)
{
    int status;

    errors = places = 0;
    status = read_rules(path, language);
    REQUIRE(status == 0 || status == STATUS_USAGE, "status %d", status);
    REQUIRE((errors > 0) == (status != 0) && places <= errors, "%u messages, status %d", errors,
            status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];

    if (fd < 0)
        fd = memfd_create("rules", 0);
    REQUIRE(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size,
            "no file in memory");
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    expect_true_messages(path, LANGUAGE_IPFW);
#if __has_include("pf/pf.h")
    expect_true_messages(path, LANGUAGE_PF);
#endif
    return 0;
}
