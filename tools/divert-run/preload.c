/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the library and the command, and checks that the loader can preload the one into the other.
 */
#include "preload.h"

#include "common/environment.h"
#include "elf_file.h"
#include "multiarch.h"
#include "util/message.h"
#include "util/text.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef DIVERTSHIM_MULTIARCH
#define DIVERTSHIM_MULTIARCH "."
#endif
#ifndef DIVERTSHIM_LIBDIR
#define DIVERTSHIM_LIBDIR "/usr/local/lib"
#endif

#define LIBRARY      "libdivertshim.so"
#define SCRIPT_DEPTH 5   /* #! lines that the kernel follows */
#define SCRIPT_LINE  512 /* the kernel reads 256 bytes of one */

static bool is_regular_file(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* Gives the path of the library in DIR/BELOW, if it is there. */
static bool try_library(char **out, const char *dir, const char *below)
{
    struct text path = {0};

    text_add(&path, "%s/%s" LIBRARY, dir, below);
    *out = is_regular_file(text_str(&path)) ? realpath(text_str(&path), NULL) : NULL;
    text_free(&path);
    return *out;
}

/* The directory of this program; the caller frees it. NULL: unknown. */
static char *read_own_directory(void)
{
    char *path = grow_array(NULL, PATH_MAX, 1);
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (len < 0) {
        free(path);
        return NULL;
    }
    path[len] = '\0';
    *strrchr(path, '/') = '\0';
    return path;
}

static bool find_beside_program(char **out)
{
    char *dir = read_own_directory();
    bool found = dir && (try_library(out, dir, "") || try_library(out, dir, "../lib/") ||
                         try_library(out, dir, "../lib/" DIVERTSHIM_MULTIARCH "/"));

    free(dir);
    return found;
}

static int check_library_path(const char *path)
{
    if (!strpbrk(path, " :\t\n"))
        return 0;
    message_error(
        "%s: the loader takes a list separated by blanks and colons, so the library's path "
        "may contain neither",
        path);
    return STATUS_FAILED;
}

int preload_find_library(char **out)
{
    const char *given = getenv(ENV_LIBRARY);

    *out = NULL;
    if (given && *given) {
        if (is_regular_file(given))
            *out = realpath(given, NULL);
        if (*out)
            return check_library_path(*out);
        message_error("%s: no such file (" ENV_LIBRARY " names it)", given);
        return STATUS_FAILED;
    }
    if (find_beside_program(out) || try_library(out, DIVERTSHIM_LIBDIR, ""))
        return check_library_path(*out);
    message_error(LIBRARY " is neither beside divert-run nor in ../lib nor in " DIVERTSHIM_LIBDIR
                          "; name it with " ENV_LIBRARY "=PATH");
    return STATUS_FAILED;
}

static int check_executable(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    return access(path, X_OK) < 0 ? errno : 0;
}

static int report_command_error(const char *name, int error)
{
    message_error("%s: %s", name, error == ENOENT ? "no such command" : strerror(error));
    return error == ENOENT || error == ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

/* Searches PATH as execvp(3) does. 0, or errno. */
static int search_path(const char *name, char **out)
{
    const char *path = getenv("PATH"), *end;
    int error, result = ENOENT;

    for (path = path ? path : "/usr/bin:/bin"; *name; path = end + 1) {
        struct text candidate = {0};

        end = strchrnul(path, ':');
        text_add(&candidate, "%.*s/%s", end == path ? 1 : (int)(end - path),
                 end == path ? "." : path, name);
        error = candidate.len < PATH_MAX ? check_executable(text_str(&candidate)) : ENOENT;
        if (!error) {
            *out = candidate.s;
            return 0;
        }
        text_free(&candidate);
        if (error != ENOENT && error != ENOTDIR)
            result = error;
        if (!*end)
            break;
    }
    return result;
}

int preload_find_command(const char *name, char **out)
{
    int error;

    *out = NULL;
    if (strchr(name, '/')) {
        error = check_executable(name);
        if (!error)
            *out = copy_string(name);
    } else {
        error = search_path(name, out);
    }
    return error ? report_command_error(name, error) : 0;
}

/* Does exec raise privileges, so that the loader drops LD_PRELOAD? Returns how, or NULL. */
static const char *find_raised_privileges(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return NULL;
    if (st.st_mode & S_ISUID && st.st_uid != getuid())
        return "set-uid";
    if (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getgid())
        return "set-gid";
    if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
        return "given capabilities";
    return NULL;
}

static int report_cannot_preload(const char *path, const char *reason)
{
    message_error("%s cannot use divert sockets here: %s", path, reason);
    return STATUS_NOT_EXECUTABLE;
}

/* The interpreter of a script: its #! line, or the shell as for execvp(3). The caller frees it.
 * NULL: the file cannot be read, or names none. */
static char *read_script(const char *path)
{
    char line[SCRIPT_LINE], *start;
    FILE *file = fopen(path, "re");
    bool read;

    if (!file)
        return NULL;
    read = fgets(line, sizeof(line), file);
    fclose(file);
    if (!read || strncmp(line, "#!", 2) != 0)
        return copy_string("/bin/sh");
    start = line + 2 + strspn(line + 2, " \t");
    start[strcspn(start, " \t\n")] = '\0'; /* a '\r' is part of it for the kernel, too */
    return *start ? copy_string(start) : NULL;
}

static int check_word_size(const char *path, const struct elf *program, const char *library)
{
    struct elf shim;

    if (!elf_read(library, &shim) || multiarch_has_library(library, program))
        return 0;
    if (shim.class != program->class)
        return report_cannot_preload(path,
                                     program->class == ELFCLASS32
                                         ? "it is a 32-bit program, and this " LIBRARY
                                           " is a 64-bit one; " ENV_LIBRARY " can name another"
                                         : "it is a 64-bit program, and this " LIBRARY
                                           " is a 32-bit one; " ENV_LIBRARY " can name another");
    if (shim.machine != program->machine)
        return report_cannot_preload(path, "it is built for another machine than " LIBRARY);
    return 0;
}

static int report_interpreter_error(const char *path, const char *interpreter, int error)
{
    message_error("%s: its interpreter %s: %s", path, interpreter, strerror(error));
    return STATUS_NOT_EXECUTABLE;
}

static bool is_loader_of_musl(const char *name)
{
    return strncmp(name, "/ld-musl-", 9) == 0;
}

/* elf_needs() compares the beginnings of names. */
static bool is_library_of_musl(const char *library)
{
    return elf_needs(library, "libc.") && !elf_needs(library, "libc.so.6");
}

/* exec reports "no such file" for the program when it is its loader that is missing. */
static int check_loader(const char *path, const char *library)
{
    char *loader = elf_interpreter(path);
    const char *name = loader ? strrchr(loader, '/') : NULL;
    int status = 0, error = loader ? check_executable(loader) : 0;

    if (name && is_loader_of_musl(name) && elf_needs(library, "libc.so.6"))
        status = report_cannot_preload(path, "it is a program of musl, and this " LIBRARY
                                             " is built for glibc; compile the program for glibc");
    else if (name && !is_loader_of_musl(name) && is_library_of_musl(library))
        status = report_cannot_preload(path, "it is a program of glibc, and this " LIBRARY
                                             " is built for musl; compile the program for musl");
    else if (error)
        status = report_interpreter_error(path, loader, error);
    free(loader);
    return status;
}

/* AddressSanitizer must be the first library, unless its options allow otherwise. */
static int check_sanitizer(const char *path)
{
    const char *options = getenv("ASAN_OPTIONS"), *preload = getenv("LD_PRELOAD");

    if (options && strstr(options, "verify_asan_link_order=0"))
        return 0;
    if (!elf_needs(path, "libasan.so") && !elf_needs(path, "libclang_rt.asan") &&
        !(preload && strstr(preload, "libasan.so")))
        return 0;
    return report_cannot_preload(path, "AddressSanitizer's library would not come first; set "
                                       "ASAN_OPTIONS=verify_asan_link_order=0");
}

static int check_elf(const char *path, const struct elf *program, const char *library)
{
    int status = check_word_size(path, program, library);

    if (!status && !program->interpreter)
        status =
            report_cannot_preload(path, "it is statically linked, and LD_PRELOAD works with the "
                                        "dynamic loader only; link it dynamically");
    if (!status)
        status = check_loader(path, library);
    return status ? status : check_sanitizer(path);
}

static int check_rights_and_elf(const char *path, const struct elf *elf, const char *library)
{
    const char *raised = find_raised_privileges(path);
    char reason[128];

    if (!raised)
        return check_elf(path, elf, library);
    snprintf(reason, sizeof(reason),
             "it is %s, and the loader ignores LD_PRELOAD for such programs", raised);
    return report_cannot_preload(path, reason);
}

int preload_check_command(const char *path, const char *library)
{
    char *current = copy_string(path);
    struct elf elf;
    int status = 0, error;

    for (int depth = 0; current && !status && depth < SCRIPT_DEPTH; depth++) {
        char *next;

        if (elf_read(current, &elf)) {
            status = check_rights_and_elf(current, &elf, library);
            break;
        }
        next = read_script(current); /* NULL: unreadable; exec will report it */
        error = next ? check_executable(next) : 0;
        if (error)
            status = report_interpreter_error(current, next, error);
        free(current);
        current = next;
    }
    free(current);
    return status;
}
