/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the library and the command, and checks that the loader will bring them together. */
#include "preload.h"

#include "common/environment.h"
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
                          "; " ENV_LIBRARY "=PATH tells where it is");
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

struct elf {
    unsigned char class;
    uint16_t machine;
    bool interpreter;
};

static bool has_interpreter(int fd, const unsigned char *head, bool wide)
{
    const Elf64_Ehdr *wide_head = (const void *)head;
    const Elf32_Ehdr *narrow_head = (const void *)head;
    unsigned count = wide ? wide_head->e_phnum : narrow_head->e_phnum;
    off_t at = wide ? (off_t)wide_head->e_phoff : (off_t)narrow_head->e_phoff;
    size_t size = wide ? wide_head->e_phentsize : narrow_head->e_phentsize;
    uint32_t type; /* the first member of both header types */

    for (unsigned i = 0; i < count; i++, at += (off_t)size) {
        if (pread(fd, &type, sizeof(type), at) == sizeof(type) && type == PT_INTERP)
            return true;
    }
    return false;
}

static bool read_elf(const char *path, struct elf *elf)
{
    _Alignas(Elf64_Ehdr) unsigned char head[sizeof(Elf64_Ehdr)];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_elf;

    if (fd < 0)
        return false;
    is_elf = pread(fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, ELFMAG, SELFMAG) == 0;
    if (is_elf) {
        elf->class = head[EI_CLASS];
        elf->machine = ((const Elf64_Ehdr *)(const void *)head)
                           ->e_machine; /* at the same offset in both header types */
        elf->interpreter = has_interpreter(fd, head, elf->class == ELFCLASS64);
    }
    close(fd);
    return is_elf;
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
    start[strcspn(start, " \t\r\n")] = '\0';
    return *start ? copy_string(start) : NULL;
}

static int check_elf(const char *path, const struct elf *program, const char *library)
{
    struct elf shim;
    bool known = read_elf(library, &shim);

    if (known && shim.class != program->class)
        return report_cannot_preload(path,
                                     program->class == ELFCLASS32
                                         ? "it is a 32-bit program, and this " LIBRARY
                                           " is a 64-bit one; " ENV_LIBRARY " can name another"
                                         : "it is a 64-bit program, and this " LIBRARY
                                           " is a 32-bit one; " ENV_LIBRARY " can name another");
    if (known && shim.machine != program->machine)
        return report_cannot_preload(path, "it is built for another machine than " LIBRARY);
    if (!program->interpreter)
        return report_cannot_preload(
            path, "it is statically linked, and LD_PRELOAD works with the dynamic loader only");
    return 0;
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
    int status = 0;

    for (int depth = 0; current && depth < SCRIPT_DEPTH; depth++) {
        char *next;

        if (read_elf(current, &elf)) {
            status = check_rights_and_elf(current, &elf, library);
            break;
        }
        next = read_script(current); /* NULL: unreadable; exec will report it */
        free(current);
        current = next;
    }
    free(current);
    return status;
}
