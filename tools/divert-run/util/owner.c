/* SPDX-License-Identifier: BSD-2-Clause */
/* Names this process as the owner of firewall rules, and recognises dead owners. */
#include "util/owner.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct owner {
    long pid;
    unsigned long long start; /* clock ticks since boot */
    unsigned long long pidns;
};

static bool process_start_time(long pid, unsigned long long *start)
{
    char path[64], line[1024], *field;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    field = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return field &&
           sscanf(
               field + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               start) == 1;
}

static unsigned long long own_pid_namespace(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) < 0 ? 0 : (unsigned long long)st.st_ino;
}

void owner_self(char *out, size_t size)
{
    struct owner self = {.pid = getpid(), .pidns = own_pid_namespace()};

    process_start_time(self.pid, &self.start);
    snprintf(out, size, "divert-run pid=%ld start=%llu pidns=%llu", self.pid, self.start,
             self.pidns);
}

static bool read_owner(const char *text, struct owner *owner)
{
    const char *at = strstr(text, "divert-run pid=");

    return at && sscanf(at, "divert-run pid=%ld start=%llu pidns=%llu", &owner->pid, &owner->start,
                        &owner->pidns) == 3;
}

bool owner_named(const char *text)
{
    struct owner owner;

    return read_owner(text, &owner);
}

bool owner_gone(const char *text)
{
    struct owner owner;
    unsigned long long start;

    if (!read_owner(text, &owner))
        return false;
    if (owner.pidns != own_pid_namespace())
        return false;
    return !process_start_time(owner.pid, &start) || start != owner.start;
}

void owner_add_tags(char *owner, size_t size, unsigned first, unsigned last, uint32_t mask)
{
    size_t used = strlen(owner);

    snprintf(owner + used, size - used, " tags=%u-%u/%x", first, last, mask);
}

unsigned owner_read_tags(const char *text, struct owner_tags *tags)
{
    const char *at = strstr(text, " tags=");
    unsigned first, last, mask;

    if (!at || sscanf(at, " tags=%u-%u/%x", &first, &last, &mask) != 3)
        return 0;
    tags->masks_differ |= tags->runs > 0 && mask != tags->mask;
    tags->mask = mask;
    tags->last = last > tags->last ? last : tags->last;
    tags->runs++;
    return last;
}

void owner_new_id(char id[5])
{
    unsigned short number = (unsigned short)getpid();

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
        number ^= 0x5a5a;
    snprintf(id, 5, "%04x", number);
}
