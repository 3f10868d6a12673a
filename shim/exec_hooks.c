/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that start another program. */
#include "hook.h"

#include "divert/inherit.h"
#include "own_thread.h"
#include "process/fork.h"

#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <unistd.h>

extern char **environ;

static _Atomic bool copied_in_vfork;

void exec_note_copy(void)
{
    copied_in_vfork = true;
}

static bool was_copied(void)
{
    return atomic_exchange(&copied_in_vfork, false);
}

/* What exec is called with. Not in a child of vfork(): its end is none of the parent's threads. */
static char *const *prepare(char *const envp[], char **own, char text[EXEC_TEXT_MAX])
{
    if (process_owns_memory())
        own_thread_hold();
    return exec_environment(envp, was_copied(), own, text);
}

static int failed(int result)
{
    int saved = errno;

    exec_failed();
    if (process_owns_memory())
        own_thread_release();
    errno = saved;
    return result;
}

HOOK int execve(const char *path, char *const argv[], char *const envp[])
{
    char text[EXEC_TEXT_MAX], *own[exec_room(envp)];

    return failed(real.execve(path, argv, prepare(envp, own, text)));
}

HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
    char text[EXEC_TEXT_MAX], *own[exec_room(envp)];

    return failed(real.execvpe(file, argv, prepare(envp, own, text)));
}

HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
    char text[EXEC_TEXT_MAX], *own[exec_room(envp)];

    return failed(real.fexecve(fd, argv, prepare(envp, own, text)));
}

HOOK int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    char text[EXEC_TEXT_MAX], *own[exec_room(envp)];

    return failed(real.execveat(fd, path, argv, prepare(envp, own, text), flags));
}

HOOK int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

HOOK int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

/* Arguments up to and with the NULL at their end. */
static size_t count_arguments(va_list args)
{
    size_t count = 2;

    while (va_arg(args, char *))
        count++;
    return count;
}

static void list_arguments(char **argv, const char *first, va_list args)
{
    *argv++ = (char *)first;
    while ((*argv++ = va_arg(args, char *)))
        ;
}

HOOK int execl(const char *path, const char *arg, ...)
{
    va_list args, copy;

    va_start(args, arg);
    va_copy(copy, args);
    {
        char *argv[count_arguments(copy)];

        va_end(copy);
        list_arguments(argv, arg, args);
        va_end(args);
        return execve(path, argv, environ);
    }
}

HOOK int execlp(const char *file, const char *arg, ...)
{
    va_list args, copy;

    va_start(args, arg);
    va_copy(copy, args);
    {
        char *argv[count_arguments(copy)];

        va_end(copy);
        list_arguments(argv, arg, args);
        va_end(args);
        return execvpe(file, argv, environ);
    }
}

HOOK int execle(const char *path, const char *arg, ...)
{
    va_list args, copy;

    va_start(args, arg);
    va_copy(copy, args);
    {
        char *argv[count_arguments(copy)], **envp;

        va_end(copy);
        list_arguments(argv, arg, args);
        envp = va_arg(args, char **);
        va_end(args);
        return execve(path, argv, envp);
    }
}

/* While one thread starts a program, what goes along is not to leak into another's. */
static pthread_mutex_t spawning = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool copied_by_actions;

static int spawned(int result)
{
    exec_failed();
    pthread_mutex_unlock(&spawning);
    return result;
}

HOOK int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    char text[EXEC_TEXT_MAX], *own[exec_room(envp)];

    if (!divert_any_open())
        return real.posix_spawn(pid, path, actions, attributes, argv, envp);
    pthread_mutex_lock(&spawning);
    return spawned(
        real.posix_spawn(pid, path, actions, attributes, argv,
                         exec_environment(envp, actions && copied_by_actions, own, text)));
}

HOOK int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    char text[EXEC_TEXT_MAX], *own[exec_room(envp)];

    if (!divert_any_open())
        return real.posix_spawnp(pid, file, actions, attributes, argv, envp);
    pthread_mutex_lock(&spawning);
    return spawned(
        real.posix_spawnp(pid, file, actions, attributes, argv,
                          exec_environment(envp, actions && copied_by_actions, own, text)));
}

/* The child may have a copy that is not close-on-exec. */
HOOK int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int new)
{
    if (fdtable_has(fd))
        copied_by_actions = true;
    return real.posix_spawn_file_actions_adddup2(actions, fd, new);
}
