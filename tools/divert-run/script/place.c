/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory of a running script. */
#include "script/private.h"
#include "util/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const script_commands[] = {"ipfw",    "sysctl", "kldload", "kldunload",
                                       "kldstat", "kenv",   NULL};

static bool make_links(const char *path)
{
    char *self = realpath("/proc/self/exe", NULL), name[128];
    bool made = self;

    for (const char *const *command = script_commands; *command && made; command++) {
        snprintf(name, sizeof(name), "%s/bin/%s", path, *command);
        made = symlink(self, name) == 0;
    }
    free(self);
    return made;
}

static bool make_inside(const char *path, const char *name)
{
    char inside[128];

    snprintf(inside, sizeof(inside), "%s/%s", path, name);
    return mkdir(inside, 0700) == 0;
}

bool place_make(char path[64])
{
    const char *parent = getenv("TMPDIR");

    if (!parent || *parent != '/' || strlen(parent) > 32 || access(parent, W_OK | X_OK) < 0)
        parent = access("/tmp", W_OK | X_OK) == 0 ? "/tmp" : "/run";
    snprintf(path, 64, "%s/divert-run-XXXXXX", parent);
    if (!mkdtemp(path)) {
        message_error("cannot make a directory for the script in %s: %s", parent, strerror(errno));
        return false;
    }
    if (make_inside(path, "bin") && make_inside(path, "sbin") && make_links(path))
        return true;
    message_error("%s: %s", path, strerror(errno));
    place_remove(path);
    return false;
}

void place_remove(const char *path)
{
    char inside[128];

    for (const char *const *command = script_commands; *command; command++) {
        snprintf(inside, sizeof(inside), "%s/bin/%s", path, *command);
        unlink(inside);
    }
    snprintf(inside, sizeof(inside), "%s/socket", path);
    unlink(inside);
    snprintf(inside, sizeof(inside), "%s/bin", path);
    rmdir(inside);
    snprintf(inside, sizeof(inside), "%s/sbin", path);
    rmdir(inside);
    rmdir(path);
}
