/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a helper program with its input and output in memory. */
#include "util/tool.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int write_tool_input(int fd, const char *s, size_t len)
{
    while (len) {
        ssize_t done = write(fd, s, len);

        if (done < 0 && errno != EINTR)
            return -errno;
        if (done > 0) {
            s += done;
            len -= (size_t)done;
        }
    }
    return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

static void read_tool_output(int fd, struct text *out)
{
    char buffer[2048];
    ssize_t len;

    if (!out || lseek(fd, 0, SEEK_SET) < 0)
        return;
    while ((len = read(fd, buffer, sizeof(buffer))) > 0)
        text_add_bytes(out, buffer, (size_t)len);
}

/* The tool gets its own process group, so that ^C on the terminal does not interrupt it. */
static int spawn_tool(pid_t *pid, const char *const argv[], const int fds[3])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    error = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

static int wait_for_tool(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A root shell started by su may lack the directories of the tools. */
static void add_sbin_to_path(void)
{
    static const char sbin[] = "/usr/local/sbin:/usr/sbin:/sbin";
    const char *path = getenv("PATH");
    struct text longer = {0};

    if (path && strstr(path, "/usr/sbin"))
        return;
    text_add(&longer, "%s:%s", path && *path ? path : "/usr/bin:/bin", sbin);
    setenv("PATH", text_str(&longer), 1);
    text_free(&longer);
}

int tool_run(const char *const argv[], const char *input, struct text *out, struct text *err)
{
    char *path = getenv("PATH") ? copy_string(getenv("PATH")) : NULL;
    int fds[3] = {-1, -1, -1};
    int result = 0;
    pid_t pid;

    for (int i = 0; i < 3; i++) {
        fds[i] = memfd_create("divert-run", MFD_CLOEXEC);
        if (fds[i] < 0)
            result = -errno;
    }
    if (!result && input)
        result = write_tool_input(fds[0], input, strlen(input));
    add_sbin_to_path();
    if (!result)
        result = spawn_tool(&pid, argv, fds);
    if (path)
        setenv("PATH", path, 1);
    else
        unsetenv("PATH");
    free(path);
    if (!result) {
        result = wait_for_tool(pid);
        read_tool_output(fds[1], out);
        read_tool_output(fds[2], err);
    }
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    return result;
}

void tool_first_line(const char *s, struct text *out)
{
    while (*s) {
        size_t len = strcspn(s, "\n");

        if (len && *s != '#') {
            text_add_bytes(out, s, len);
            return;
        }
        s += len + (s[len] == '\n');
    }
}

bool tool_installed(const char *name)
{
    const char *const argv[] = {name, "--version", NULL};

    return tool_run(argv, NULL, NULL, NULL) != -ENOENT;
}

/* Adds the first line, and the next if the first only announces it by a colon. */
static void add_reason(const char *err, struct text *why)
{
    size_t length = strcspn(err, "\n"), end = length;

    while (end && err[end - 1] == ' ')
        end--;
    tool_first_line(err, why);
    if (end && err[end - 1] == ':' && err[length])
        tool_first_line(err + length + 1, why);
}

void tool_failure(const char *name, int status, const struct text *err, struct text *why)
{
    size_t before = why->len;

    if (status == -ENOENT)
        text_add(why, "%s is not installed", name);
    else if (status < 0)
        text_add(why, "%s: %s", name, strerror(-status));
    else
        add_reason(text_str(err), why);
    if (why->len == before && status > 128)
        text_add(why, "signal %d ended %s", status - 128, name);
    else if (why->len == before)
        text_add(why, "%s failed with status %d, and did not say why", name, status);
}
