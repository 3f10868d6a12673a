/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that divert-run makes for a test in C. */
#include "rules.h"

#include "wire.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RULES_MAX 128

#define BACKENDS_MAX 3

static const char *backends[BACKENDS_MAX];

static bool nft_can_queue(void)
{
    return system("unshare --net '" DIVERT_RUN "' -q --backend nft "
                  "-r 'divert 1 ip4 from any to any' true 2>/dev/null") == 0;
}

int rules_backends(void)
{
    static const char iptables[] = "iptables-nft iptables-legacy";
    static char names[128];
    static int count;
    const char *wanted = getenv("TEST_BACKENDS");
    char *name, *save = NULL;

    if (count)
        return count;
    snprintf(names, sizeof(names), "%s%s", wanted ? wanted : iptables,
             !wanted && nft_can_queue() ? " nft" : "");
    for (name = strtok_r(names, " ", &save); name && count < BACKENDS_MAX;
         name = strtok_r(NULL, " ", &save))
        backends[count++] = name;
    return count;
}

int rules_nft(void)
{
    for (int i = 0; i < rules_backends(); i++) {
        if (strcmp(backends[i], "nft") == 0)
            return i;
    }
    puts("SKIP: nft cannot queue packets here");
    exit(77);
}

bool rules_before_reassembly(int backend)
{
    ck_assert_int_lt(backend, rules_backends());
    return strcmp(backends[backend], "nft") == 0;
}

/* Has divert-run find iptables-restore and the other tools by links in the build folder. */
static void choose_tools(const char *kind)
{
    static const char *const tools[] = {"iptables-restore", "iptables-save", "ip6tables-restore",
                                        "ip6tables-save"};
    char directory[2048], path[8192];

    snprintf(directory, sizeof(directory), "%s/%s", TOOLS_DIRECTORY, kind);
    run("mkdir -p '%s'", directory);
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        const char *dash = strchr(tools[i], '-');

        run("cd '%s' && { test -e %s || ln -s \"$(command -v %.*s-%s%s)\" %s || test -e %s; }",
            directory, tools[i], (int)(dash - tools[i]), tools[i], kind, dash, tools[i], tools[i]);
    }
    snprintf(path, sizeof(path), "%s:%s", directory, getenv("PATH"));
    setenv("PATH", path, 1);
}

static const char *more_option;

void rules_option(const char *option)
{
    more_option = option;
}

static void exec_divert_run(int ready, const char *backend, const char *option,
                            const char *const *rules)
{
    static const char ready_then_wait[] =
        "echo $DIVERTSHIM_TAGS $DIVERTSHIM_TAG_BASE $DIVERTSHIM_TAG_LAST; exec sleep infinity";
    const char *argv[2 * RULES_MAX + 12] = {DIVERT_RUN, "-q", "--backend", backend};
    size_t n = 4;

    if (strncmp(backend, "iptables-", 9) == 0) {
        choose_tools(backend + 9);
        argv[3] = "iptables";
    }
    if (more_option)
        argv[n++] = more_option;
    for (; *rules; rules++) {
        ck_assert_uint_lt(n, 2 * RULES_MAX);
        argv[n++] = option;
        argv[n++] = *rules;
    }
    argv[n++] = "--";
    argv[n++] = "sh";
    argv[n++] = "-c";
    argv[n++] = ready_then_wait;
    unsetenv("LD_PRELOAD");
    dup2(ready, STDOUT_FILENO);
    execv(DIVERT_RUN, (char *const *)argv);
    perror(DIVERT_RUN);
    _exit(1);
}

/*
 * At the end of a test its process group is killed, with divert-run; the rules go with the
 * namespace.
 */
static void hold(int backend, const char *option, const char *const *rules)
{
    char words[64] = "", tags[16], base[16], last[16];
    int ready[2];
    pid_t pid;

    ck_assert_int_lt(backend, rules_backends());
    ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        exec_divert_run(ready[1], backends[backend], option, rules);
    close(ready[1]);
    ck_assert_msg(read(ready[0], words, sizeof(words) - 1) > 0 &&
                      sscanf(words, "%15s %15s %15s", tags, base, last) == 3,
                  "expected divert-run to hold the rules");
    close(ready[0]);
    setenv("DIVERTSHIM_TAGS", tags, 1);
    setenv("DIVERTSHIM_TAG_BASE", base, 1);
    setenv("DIVERTSHIM_TAG_LAST", last, 1);
}

void rules_hold_list(int backend, const char *const *rules)
{
    hold(backend, "-r", rules);
}

static void collect(const char *first, va_list args, const char *rules[RULES_MAX + 1])
{
    size_t n = 0;

    for (const char *rule = first; rule && n < RULES_MAX; rule = va_arg(args, const char *))
        rules[n++] = rule;
    rules[n] = NULL;
}

void rules_hold(int backend, const char *rule, ...)
{
    const char *rules[RULES_MAX + 1];
    va_list args;

    va_start(args, rule);
    collect(rule, args, rules);
    va_end(args);
    hold(backend, "-r", rules);
}

void rules_hold_pf(int backend, const char *rule, ...)
{
    const char *rules[RULES_MAX + 1];
    va_list args;

    va_start(args, rule);
    collect(rule, args, rules);
    va_end(args);
    hold(backend, "--pf", rules);
}

static void chain(const char *hook, const char *place, int priority, const char *statement)
{
    run("nft 'add table " NFT " look'");
    run("nft 'add chain " NFT " look %s_%s { type filter hook %s priority %d; }'", hook, place,
        hook, priority);
    run("nft 'add rule " NFT " look %s_%s %s'", hook, place, statement);
}

void look_behind(const char *hook, const char *statement)
{
    chain(hook, "behind", 250, statement);
}

void look_before(const char *hook, const char *statement)
{
    chain(hook, "before", -350, statement);
}
