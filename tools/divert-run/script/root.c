/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the commands of a script visible in /sbin, where most scripts look for them, in a mount
 * namespace: a tmpfs is mounted over that directory, with links to what was there and to our own.
 * The host's /sbin is not touched.
 */
#include "script/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static bool write_whole(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content);

    if (fd >= 0)
        close(fd);
    return written;
}

static bool write_map(const char *path, unsigned id)
{
    char map[32];

    snprintf(map, sizeof(map), "%u %u 1", id, id);
    return write_whole(path, map);
}

/* A user who may not make a mount namespace may make one in a user namespace, as the same user. */
static int make_namespace(void)
{
    uid_t uid = getuid();
    gid_t gid = getgid();

    if (unshare(CLONE_NEWNS) == 0)
        return 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return errno;
    write_whole("/proc/self/setgroups", "deny");
    if (!write_map("/proc/self/uid_map", uid) || !write_map("/proc/self/gid_map", gid))
        return errno;
    return 0;
}

/* A link is copied, since a relative one means something else in another directory. */
static void copy_entry(const char *old, int from, int to, const char *name)
{
    char target[2048];
    ssize_t len = readlinkat(from, name, target, sizeof(target) - 1);

    if (len >= 0)
        target[len] = '\0';
    else
        snprintf(target, sizeof(target), "%s/%s", old, name);
    (void)!symlinkat(target, to, name);
}

static int copy_entries(const char *old, int to)
{
    DIR *entries = opendir(old);
    struct dirent *entry;

    if (!entries)
        return errno;
    while ((entry = readdir(entries))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            copy_entry(old, dirfd(entries), to, entry->d_name);
    }
    closedir(entries);
    return 0;
}

static int link_commands(const char *place, int to)
{
    for (const char *const *command = script_commands; *command; command++) {
        char from[128];

        snprintf(from, sizeof(from), "%s/bin/%s", place, *command);
        unlinkat(to, *command, 0);
        if (symlinkat(from, to, *command) < 0)
            return errno;
    }
    return 0;
}

static int fill_directory(const char *place, const char *old, const char *directory)
{
    int to = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), error;

    if (to < 0)
        return errno;
    error = copy_entries(old, to);
    if (!error)
        error = link_commands(place, to);
    close(to);
    return error;
}

static int show_in(const char *place, const char *directory)
{
    int error = make_namespace();
    char old[128];

    snprintf(old, sizeof(old), "%s/sbin", place);
    if (error)
        return error;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(directory, old, NULL, MS_BIND | MS_REC, NULL) < 0 ||
        mount("divert-run", directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
        return errno;
    return fill_directory(place, old, directory);
}

int root_show_commands(const char *place)
{
    char *directory = realpath("/sbin", NULL);
    int error;

    if (!directory)
        return errno;
    error = show_in(place, directory);
    free(directory);
    return error;
}
