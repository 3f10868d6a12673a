/* SPDX-License-Identifier: BSD-2-Clause */
/* The program: installs the rules, runs the command under the library, and removes the rules. */
#include "common/environment.h"
#include "events/events.h"
#include "guard.h"
#include "multiarch.h"
#include "options.h"
#include "preload.h"
#include "rule_source.h"
#include "run.h"
#include "script/script.h"
#include "status/status.h"
#include "trace_files.h"
#include "unbound.h"
#include "util/message.h"
#include "util/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static void setenv_number(const char *name, const char *fmt, unsigned number)
{
    char value[16];

    snprintf(value, sizeof(value), fmt, number);
    setenv(name, value, 1);
}

static void setenv_preload(const char *library)
{
    const char *others = getenv("LD_PRELOAD");
    char *name = multiarch_preload_name(library);
    struct text list = {0};

    text_add(&list, "%s%s%s", name, others && *others ? ":" : "", others ? others : "");
    setenv("LD_PRELOAD", text_str(&list), 1);
    text_free(&list);
    free(name);
}

/* Passes the options to the library, in the environment. */
static void setenv_options(const struct options *options)
{
    if (options->rules.count) {
        setenv(ENV_TAGS, options->filter.options.socket_mark ? "2" : "1", 1);
        setenv_number(ENV_TAG_BASE, "%u", options->filter.options.tag_base);
        setenv_number(ENV_TAG_LAST, "%u", ruleset_last(&options->rules));
    }
    setenv_number(ENV_MARK_MASK, "0x%08x", options->filter.options.mark_mask);
    if (options->personality)
        setenv(ENV_PERSONALITY, options->personality, 1);
    if (options->gso)
        setenv(ENV_GSO, "1", 1);
    if (options->filter.options.listeners > 1)
        setenv_number(ENV_LISTENERS, "%u", options->filter.options.listeners);
    unsetenv(ENV_INHERIT); /* the library sets it again at exec if needed */
    if (verbosity > 0)
        setenv(ENV_LOG, verbosity > 1 ? "debug" : "info", 0);
}

/* Restores LD_PRELOAD: the tools that restore and remove the rules must not load the library. */
static void restore_preload(const char *others)
{
    if (others)
        setenv("LD_PRELOAD", others, 1);
    else
        unsetenv("LD_PRELOAD");
}

static int run_with_library(struct options *options, const char *path, const char *library)
{
    char *others = getenv("LD_PRELOAD") ? copy_string(getenv("LD_PRELOAD")) : NULL;
    int status;

    if (options->rules.count)
        guard_watch(&options->filter, &options->rules, !options->no_restore);
    unbound_watch(&options->rules, options->filter.options.tag_base,
                  options->filter.options.listeners);
    setenv_options(options);
    setenv_preload(library);
    status = run_start(path, options->command);
    restore_preload(others);
    free(others);
    if (status)
        return status;
    notify_ready();
    return run_wait();
}

/* The environment changes only after the tools that install the rules have run. */
static int run_with_rules(struct options *options)
{
    char *library = NULL, *path = NULL;
    int status = preload_find_command(options->command[0], &path);

    if (!status)
        status = preload_find_library(&library);
    if (!status)
        status = preload_check_command(path, library);
    if (!status)
        status = trace_files_open(options);
    run_block_signals();
    if (!status && options->rules.count) {
        rules_warn_interfaces(&options->rules);
        if (events_needed(&options->rules))
            options->filter.options.event_group =
                events_open(&options->rules, options->filter.options.mark_mask);
        status = filter_install(&options->filter, &options->rules);
    }
    if (!status) {
        status = run_with_library(options, path, library);
        if (options->rules.count && !filter_remove(&options->filter) && !status)
            status = STATUS_FAILED;
    }
    free(library);
    free(path);
    return status;
}

/* Raised privileges are refused: divert-run executes programs that the environment names. */
static bool has_raised_privileges(void)
{
    if (getauxval(AT_SECURE))
        message_error(
            "divert-run must not be set-uid, set-gid or have file capabilities; run it as "
            "root, for instance with sudo");
    return getauxval(AT_SECURE);
}

/* /proc tells who owns rules, which sockets there are, and more. */
static bool has_proc(enum mode mode)
{
    if ((mode != MODE_RUN && mode != MODE_STATUS && mode != MODE_CLEANUP) ||
        access("/proc/self/stat", R_OK) == 0)
        return true;
    message_error("/proc is not mounted here, and divert-run needs it: mount -t proc proc /proc");
    return false;
}

int main(int argc, char *argv[])
{
    struct options options;
    int status;

    if (has_raised_privileges())
        return STATUS_FAILED;
    if (script_helper(argv[0]))
        return script_helper_main(argc, argv);
    run_wait_for_children();
    status = options_parse(argc, argv, &options);
    if (!status && !has_proc(options.mode))
        status = STATUS_FAILED;
    if (!status) {
        switch (options.mode) {
        case MODE_HELP:
            options_help();
            break;
        case MODE_VERSION:
            puts("divert-run " DIVERTSHIM_VERSION);
            break;
        case MODE_CHECK:
            status = filter_check(&options.filter, &options.rules);
            break;
        case MODE_STATUS:
            status = status_show(options.interval, options.json);
            break;
        case MODE_CLEANUP:
            status = filter_cleanup();
            break;
        case MODE_RUN:
            status = run_with_rules(&options);
            break;
        }
    }
    ruleset_free(&options.rules);
    free(options.script_args);
    ipfw_model_free(&options.ipfw);
    pf_free(&options.pf);
    if ((fflush(stdout) || ferror(stdout)) && !status) {
        message_error("standard output: %s", strerror(errno));
        status = STATUS_FAILED;
    }
    return status;
}
