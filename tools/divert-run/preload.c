#include "preload.h"

#include "common/environment.h"
#include "util/message.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
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
#define SCRIPT_DEPTH 5 /* as the kernel follows #! lines */

static bool is_regular_file(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISREG(st.st_mode);
}

static bool try_library(char out[PATH_MAX], const char *dir, const char *below)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s" LIBRARY, dir, below) >= (int)sizeof(path))
        return false;
    return is_regular_file(path) && realpath(path, out);
}

/* The directory of this program. */
static bool read_own_directory(char out[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);

    if (len < 0)
        return false;
    out[len] = '\0';
    *strrchr(out, '/') = '\0';
    return true;
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

int preload_find_library(char out[PATH_MAX])
{
    const char *given = getenv(ENV_LIBRARY);
    char dir[PATH_MAX];

    if (given && *given) {
        if (is_regular_file(given) && realpath(given, out))
            return check_library_path(out);
        message_error("%s: no such file (" ENV_LIBRARY " names it)", given);
        return STATUS_FAILED;
    }
    if (read_own_directory(dir) && (try_library(out, dir, "") || try_library(out, dir, "../lib/") ||
                                    try_library(out, dir, "../lib/" DIVERTSHIM_MULTIARCH "/")))
        return check_library_path(out);
    if (try_library(out, DIVERTSHIM_LIBDIR, ""))
        return check_library_path(out);
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

int preload_find_command(const char *name, char out[PATH_MAX])
{
    const char *path = getenv("PATH"), *end;
    int error, found = ENOENT;

    if (strchr(name, '/')) {
        error = check_executable(name);
        if (error || snprintf(out, PATH_MAX, "%s", name) >= PATH_MAX)
            return report_command_error(name, error ? error : ENAMETOOLONG);
        return 0;
    }
    for (path = path ? path : "/usr/bin:/bin"; *name; path = end + 1) {
        end = strchrnul(path, ':');
        if (snprintf(out, PATH_MAX, "%.*s/%s", end == path ? 1 : (int)(end - path),
                     end == path ? "." : path, name) < PATH_MAX) {
            error = check_executable(out);
            if (!error)
                return 0;
            if (error != ENOENT && error != ENOTDIR)
                found = error;
        }
        if (!*end)
            break;
    }
    return report_command_error(name, found);
}

/* The loader drops LD_PRELOAD when exec gave the process other rights than it had. */
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
    uint32_t type; /* the first member in both classes */

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
                           ->e_machine; /* the same place in both classes */
        elf->interpreter = has_interpreter(fd, head, elf->class == ELFCLASS64);
    }
    close(fd);
    return is_elf;
}

/* The interpreter of a script: its #! line, or the shell as for execvp(3). */
static bool read_script(const char *path, char interpreter[PATH_MAX])
{
    char line[PATH_MAX], *start;
    FILE *file = fopen(path, "re");
    bool read;

    if (!file)
        return false;
    read = fgets(line, sizeof(line), file);
    fclose(file);
    if (!read || strncmp(line, "#!", 2) != 0) {
        strcpy(interpreter, "/bin/sh");
        return true;
    }
    start = line + 2 + strspn(line + 2, " \t");
    start[strcspn(start, " \t\r\n")] = '\0';
    strcpy(interpreter, start);
    return *start;
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

int preload_check_command(const char *path, const char *library)
{
    char current[PATH_MAX], next[PATH_MAX], reason[128];
    const char *raised;
    struct elf elf;

    snprintf(current, sizeof(current), "%s", path);
    for (int depth = 0; depth < SCRIPT_DEPTH; depth++) {
        raised = find_raised_privileges(current);
        if (read_elf(current, &elf)) {
            if (!raised)
                return check_elf(current, &elf, library);
            snprintf(reason, sizeof(reason),
                     "it is %s, and the loader ignores LD_PRELOAD for such programs", raised);
            return report_cannot_preload(current, reason);
        }
        if (!read_script(current, next))
            return 0; /* unreadable: exec will tell */
        strcpy(current, next);
    }
    return 0;
}
