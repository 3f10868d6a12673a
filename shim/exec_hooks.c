/* SPDX-License-Identifier: BSD-2-Clause */
/* Hooks of calls that start another program. */
#include "hook.h"

#include "divert/inherit.h"
#include "process/process.h"

#include <dirent.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

/*
 * Declares the environment to call exec with. It is on the stack: exec may be called where malloc()
 * may not.
 */
#define INHERITING(envp)                            \
    divert_send_pending_verdicts();                 \
    size_t text_room = inherit_text_room();         \
    char text[text_room], *own[inherit_room(envp)]; \
    char *const *environment = inherit_environment(envp, false, own, text, text_room)

static int exec_failed(int result)
{
    int saved = errno;

    inherit_failed();
    errno = saved;
    return result;
}

HOOK int execve(const char *path, char *const argv[], char *const envp[])
{
    INHERITING(envp);

    return exec_failed(real.execve(path, argv, environment));
}

HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
    INHERITING(envp);

    return exec_failed(real.execvpe(file, argv, environment));
}

HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
    INHERITING(envp);

    return exec_failed(real.fexecve(fd, argv, environment));
}

HOOK int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    INHERITING(envp);

    return exec_failed(real.execveat(fd, path, argv, environment, flags));
}

HOOK int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

HOOK int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

/* Counts the arguments, including the first and the terminating NULL. */
static size_t count_arguments(va_list args)
{
    size_t count = 2;

    while (va_arg(args, char *))
        count++;
    return count;
}

typedef int exec_function(const char *path, char *const argv[], char *const envp[]);

/*
 * Calls exec with the arguments from first on as an array; the environment may follow their NULL.
 */
static int exec_listed(exec_function *call, const char *path, const char *first, va_list args,
                       bool environment_follows)
{
    va_list counted;
    size_t count;

    va_copy(counted, args);
    count = count_arguments(counted);
    va_end(counted);
    {
        char *argv[count], **at = argv;

        *at++ = (char *)first;
        while ((*at++ = va_arg(args, char *)))
            ;
        return call(path, argv, environment_follows ? va_arg(args, char **) : environ);
    }
}

HOOK int execl(const char *path, const char *arg, ...)
{
    va_list args;
    int result;

    va_start(args, arg);
    result = exec_listed(execve, path, arg, args, false);
    va_end(args);
    return result;
}

HOOK int execlp(const char *file, const char *arg, ...)
{
    va_list args;
    int result;

    va_start(args, arg);
    result = exec_listed(execvpe, file, arg, args, false);
    va_end(args);
    return result;
}

HOOK int execle(const char *path, const char *arg, ...)
{
    va_list args;
    int result;

    va_start(args, arg);
    result = exec_listed(execve, path, arg, args, true);
    va_end(args);
    return result;
}

/* A file action may give the child a descriptor that is not close-on-exec. */
static _Atomic bool copied_by_actions;

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const *, char *const *);

/* The program starts with the caller's signal mask, not with the one under the lock. */
static void keep_signals(posix_spawnattr_t *own, const posix_spawnattr_t *given)
{
    short flags = 0;

    if (given)
        *own = *given;
    else
        posix_spawnattr_init(own);
    posix_spawnattr_getflags(own, &flags);
    if (flags & POSIX_SPAWN_SETSIGMASK)
        return;
    posix_spawnattr_setflags(own, (short)(flags | POSIX_SPAWN_SETSIGMASK));
    posix_spawnattr_setsigmask(own, process_lock_signals(LOCK_SPAWN));
}

/*
 * Locked, so that descriptors passed to one program do not leak into one that another thread
 * starts.
 */
static int spawn(spawn_function *call, pid_t *pid, const char *path,
                 const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                 char *const argv[], char *const envp[])
{
    size_t text_room = inherit_text_room();
    char text[text_room], *own[inherit_room(envp)];
    bool all = actions && atomic_load(&copied_by_actions);
    posix_spawnattr_t own_attributes;
    int result;

    if (!divert_any_open())
        return call(pid, path, actions, attributes, argv, envp);
    divert_send_pending_verdicts();
    process_lock(LOCK_SPAWN);
    keep_signals(&own_attributes, attributes);
    result = call(pid, path, actions, &own_attributes, argv,
                  inherit_environment(envp, all, own, text, text_room));
    inherit_failed();
    process_unlock(LOCK_SPAWN);
    return result;
}

HOOK int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return spawn(real.posix_spawn, pid, path, actions, attributes, argv, envp);
}

HOOK int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    return spawn(real.posix_spawnp, pid, file, actions, attributes, argv, envp);
}

HOOK int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int new)
{
    if (fdtable_kind(fd) == FD_DIVERT)
        atomic_store(&copied_by_actions, true);
    return real.posix_spawn_file_actions_adddup2(actions, fd, new);
}

/* A private descriptor counts as closed; the child must not close those that are passed on. */
HOOK int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd)
{
    return is_private(fd) ? 0 : real.posix_spawn_file_actions_addclose(actions, fd);
}

/* Adds a close for each descriptor that is open now. Returns -1 if they cannot be listed. */
static int close_each_from(posix_spawn_file_actions_t *actions, int first)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    int err = 0;

    if (!directory)
        return -1;
    while (!err && (entry = readdir(directory))) {
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] != '.' && fd >= first && fd != dirfd(directory))
            err = posix_spawn_file_actions_addclose(actions, fd);
    }
    closedir(directory);
    return err;
}

HOOK int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first)
{
    int err = fdtable_next(first) < 0 ? -1 : close_each_from(actions, first);

    return err < 0 ? real.posix_spawn_file_actions_addclosefrom_np(actions, first) : err;
}
