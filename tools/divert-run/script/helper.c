/* SPDX-License-Identifier: BSD-2-Clause */
/* This program as ipfw, sysctl, kldload and so on in a script: see script.h. */
#include "script/private.h"
#include "script/script.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static char *script_place; /* of the script that runs this command */

/* "/tmp/divert-run-x/bin/ipfw": the place is what stands before "/bin". */
static bool is_in_place(const char *path)
{
    struct text socket = {0};
    char *place = copy_string(path), *end = strrchr(place, '/');
    bool found = false;

    if (end && end - place > 4 && strncmp(end - 4, "/bin", 4) == 0) {
        end[-4] = '\0';
        text_add(&socket, "%s/socket", place);
        found = access(text_str(&socket), F_OK) == 0;
        text_free(&socket);
    }
    if (found)
        script_place = place;
    else
        free(place);
    return found;
}

/*
 * The environment tells the place; or, if sudo or the like has cleared it, the path of this
 * command.
 */
static bool find_place(void)
{
    const char *named = getenv(ENV_SCRIPT), *path = (const char *)getauxval(AT_EXECFN);
    char target[256];
    ssize_t len;

    if (named) {
        script_place = copy_string(named);
        return true;
    }
    if (!path)
        return false;
    len = readlink(path, target, sizeof(target) - 1);
    target[len > 0 ? len : 0] = '\0';
    return is_in_place(path) || is_in_place(target);
}

bool script_helper(const char *name)
{
    for (const char *const *command = script_commands; name && *command; command++) {
        if (strcmp(name_of(name), *command) == 0)
            return true;
    }
    return false;
}

static void add_word(struct text *words, const char *word)
{
    text_add_bytes(words, word, strlen(word) + 1);
}

/* Sends the words as a request, and prints the answer. */
static int ask(const struct text *words)
{
    struct text out = {0}, err = {0};
    int status = request_send(script_place, words, &out, &err);

    if (status < 0) {
        fprintf(stderr, "%s: divert-run, which ran this script, is gone\n", words->s);
        status = EX_UNAVAILABLE;
    }
    fputs(text_str(&out), stdout);
    if (fflush(stdout) && !status)
        status = EX_IOERR;
    fputs(text_str(&err), stderr);
    text_free(&out);
    text_free(&err);
    return status;
}

/* ---- ipfw, and its files ---- */

/* Starts a preprocessor that reads FILE; its output can be read from the descriptor returned. */
static int start_preprocessor(char *const argv[], int file, pid_t *pid)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    *pid = fork();
    if (*pid == 0) {
        dup2(file, 0);
        dup2(ends[1], 1);
        execvp(argv[0], argv);
        fprintf(stderr, "ipfw: %s: %s\n", argv[0], strerror(errno));
        _exit(EX_UNAVAILABLE);
    }
    close(ends[1]);
    if (*pid < 0) {
        close(ends[0]);
        return -1;
    }
    return ends[0];
}

static bool ended_well(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return false;
    }
    return status == 0;
}

/* Each line is a command, preceded by the flags before the file's name. */
static void add_lines(FILE *file, const char *flags, struct text *words)
{
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, file) >= 0) {
        struct text command = {0};

        line[strcspn(line, "\r\n")] = '\0';
        if (line[strspn(line, " \t")] && !strchr("#", line[strspn(line, " \t")]))
            text_add(&command, "%s%s", flags, line);
        add_word(words, text_str(&command));
        text_free(&command);
    }
    free(line);
}

/*
 * Reports it through divert-run, where the script's own redirections do not hide it, and it counts
 * as refused.
 */
static int fail_at_file(const char *path, const char *why)
{
    struct text words = {0};
    int status;

    add_word(&words, "unread");
    add_word(&words, path);
    add_word(&words, why);
    status = ask(&words);
    text_free(&words);
    return status;
}

static int open_commands(const char *path)
{
    bool standard = strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;

    return standard ? fcntl(0, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
}

static int run_file(const char *path, const char *flags, char *const preprocessor[])
{
    int fd = open_commands(path), status;
    struct text words = {0};
    FILE *file = NULL;
    pid_t pid = 0;

    if (fd < 0)
        return fail_at_file(path, strerror(errno));
    if (preprocessor) {
        int output = start_preprocessor(preprocessor, fd, &pid);

        close(fd);
        fd = output;
    }
    file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!file)
        return fail_at_file(path, strerror(errno));
    add_word(&words, "file");
    add_word(&words, path);
    add_lines(file, flags, &words);
    fclose(file);
    if (preprocessor && !ended_well(pid))
        status = fail_at_file(path, "the preprocessor failed");
    else
        status = ask(&words);
    text_free(&words);
    return status;
}

/* "ipfw [-q] [-p cpp [flags of cpp]] /path": the last word is a file with commands, or - for the
 * standard input. */
static int run_ipfw_file(int argc, char *argv[])
{
    char **preprocessor = NULL, *path = argv[argc - 1];
    struct text flags = {0};
    int status;

    for (int i = 1; i < argc - 1 && !preprocessor; i++) {
        if (strcmp(argv[i], "-p") == 0 && i + 1 < argc - 1)
            preprocessor = &argv[i + 1];
        else if (argv[i][0] == '-')
            text_add(&flags, "%s ", argv[i]);
    }
    argv[argc - 1] = NULL;
    status = run_file(path, text_str(&flags), preprocessor);
    text_free(&flags);
    return status;
}

static int ask_with(const char *name, int argc, char *argv[])
{
    struct text words = {0};
    int status;

    add_word(&words, name);
    for (int i = 1; i < argc; i++)
        add_word(&words, argv[i]);
    status = ask(&words);
    text_free(&words);
    return status;
}

static int helper_ipfw(int argc, char *argv[])
{
    const char *last = argc > 1 ? argv[argc - 1] : "";

    if (*last == '/' || strcmp(last, "-") == 0)
        return run_ipfw_file(argc, argv);
    return ask_with("ipfw", argc, argv);
}

/* ---- sysctl ---- */

static bool is_variable_of_ipfw(const char *word)
{
    return strncmp(word, "net.inet.ip.fw.", 15) == 0 || strncmp(word, "net.inet6.ip6.fw.", 17) == 0;
}

/* Runs the program of that name in a directory, unless it is this one. */
static void try_program(const char *directory, const char *name, char *argv[])
{
    struct text path = {0};
    struct stat this, that;

    text_add(&path, "%s/%s", directory, name);
    if (stat("/proc/self/exe", &this) == 0 && stat(text_str(&path), &that) == 0 &&
        (this.st_dev != that.st_dev || this.st_ino != that.st_ino))
        execv(text_str(&path), argv);
    text_free(&path);
}

/* The host's /sbin is visible below the script's place. */
static int run_real(const char *name, char *argv[])
{
    const char *path = getenv("PATH");
    char *list = copy_string(path ? path : "/usr/bin:/bin"), *rest = list, *one;
    char sbin[128];

    snprintf(sbin, sizeof(sbin), "%s/sbin", script_place);
    try_program(sbin, name, argv);
    while ((one = strsep(&rest, ":")))
        try_program(one, name, argv);
    try_program("/usr/sbin", name, argv);
    fprintf(stderr, "%s: there is no such program here\n", name);
    free(list);
    return 127;
}

/* ipfw's variables are those of the script; others are the host's. */
static int helper_sysctl(int argc, char *argv[])
{
    struct text words = {0}, flags = {0};
    int first = 1, status;

    for (; first < argc && argv[first][0] == '-'; first++)
        text_add(&flags, "%s", argv[first] + 1);
    add_word(&words, "sysctl");
    add_word(&words, text_str(&flags));
    text_free(&flags);
    for (int i = first; i < argc; i++)
        add_word(&words, argv[i]);
    if (first < argc && is_variable_of_ipfw(argv[first]))
        status = ask(&words);
    else
        status = run_real("sysctl", argv);
    text_free(&words);
    return status;
}

/* ---- modules ---- */

static bool is_module_of_ipfw(const char *word)
{
    return strncmp(word, "ipfw", 4) == 0 || strncmp(word, "ipdivert", 8) == 0 ||
           strncmp(word, "dummynet", 8) == 0;
}

/* "kldstat -q -m ipfw" asks for a module; without one all are listed. */
static int helper_kldstat(int argc, char *argv[])
{
    bool asks = false, quiet = false, found = false;

    for (int i = 1; i < argc; i++) {
        quiet = quiet || strcmp(argv[i], "-q") == 0;
        asks = asks || argv[i][0] != '-';
        found = found || is_module_of_ipfw(argv[i]);
    }
    if (asks && !found) {
        if (!quiet)
            fprintf(stderr, "kldstat: can't find the module: No such file or directory\n");
        return 1;
    }
    if (!quiet)
        puts("Id Refs Address                Size Name\n"
             " 1    1 0xffffffff80200000  100000 ipfw.ko\n"
             " 2    1 0xffffffff80300000  100000 ipdivert.ko");
    return 0;
}

/*
 * "kenv NAME=VALUE" succeeds: ipfw's loader variables are only read when its module is loaded. No
 * variable is known.
 */
static int helper_kenv(int argc, char *argv[])
{
    return argc > 1 && strchr(argv[argc - 1], '=') ? 0 : 1;
}

int script_helper_main(int argc, char *argv[])
{
    const char *name = name_of(argv[0]);

    if (!find_place()) {
        fprintf(stderr,
                "%s: there are no rules outside of a script that divert-run runs; see "
                "--ipfw-script in divert-run(1)\n",
                name);
        return EX_UNAVAILABLE;
    }
    if (strcmp(name, "ipfw") == 0)
        return helper_ipfw(argc, argv);
    if (strcmp(name, "sysctl") == 0)
        return helper_sysctl(argc, argv);
    if (strcmp(name, "kldstat") == 0)
        return helper_kldstat(argc, argv);
    if (strcmp(name, "kenv") == 0)
        return helper_kenv(argc, argv);
    return 0; /* kldload, kldunload: nothing to do */
}
