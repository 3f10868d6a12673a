/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds divert sockets: every process that has one keeps its memory file open (common/status.h),
 * and the netlink socket that the file names. Anybody can make such a file, so it counts only if
 * the kernel's tables confirm it.
 */
#include "status/private.h"
#include "util/message.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LINK_OF(name) "/memfd:" name " (deleted)"

/* A file that may be the memory of a divert socket. */
struct candidate {
    struct status counters;
    unsigned long long memory;
    bool of_root;
};

/* What was found in one process so far. */
struct look {
    struct status_list *list;
    const struct status_kernel *kernel;
    struct status_process process;
    bool here;                             /* in this network namespace */
    const struct status_netlink **sockets; /* netfilter sockets that it has open */
    size_t socket_count;
    struct candidate *candidates;
    size_t candidate_count;
};

/* Opens memory files only, because opening other files may have side effects. */
static int open_memory(int directory, const char *name)
{
    char path[64];
    struct statfs fs;
    struct stat st;
    int fd = -1, handle = openat(directory, name, O_PATH | O_CLOEXEC);

    if (handle < 0)
        return -1;
    if (fstat(handle, &st) == 0 && S_ISREG(st.st_mode) && fstatfs(handle, &fs) == 0 &&
        fs.f_type == TMPFS_MAGIC) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    }
    close(handle);
    return fd;
}

static void add_candidate(struct look *look, int fd)
{
    struct candidate c = {0};
    struct stat st;

    if (fstat(fd, &st) < 0 || pread(fd, &c.counters, sizeof(c.counters), 0) != sizeof(c.counters) ||
        c.counters.magic != STATUS_MAGIC || c.counters.version != STATUS_VERSION ||
        c.counters.size != sizeof(c.counters))
        return;
    c.memory = st.st_ino;
    c.of_root = st.st_uid == 0;
    look->candidates = grow_array(look->candidates, look->candidate_count + 1, sizeof(c));
    look->candidates[look->candidate_count++] = c;
}

static void add_held_socket(struct look *look, unsigned long long inode)
{
    const struct status_netlink *s = status_netlink_find(look->kernel, inode);

    if (!s)
        return;
    look->sockets =
        grow_array(look->sockets, look->socket_count + 1, sizeof(const struct status_netlink *));
    look->sockets[look->socket_count++] = s;
}

static void examine_descriptor(struct look *look, int directory, const char *name)
{
    char target[64];
    ssize_t len = readlinkat(directory, name, target, sizeof(target) - 1);
    unsigned long long inode;
    bool rules;
    int fd;

    if (len < 0) {
        look->list->incomplete |= errno == EACCES;
        return;
    }
    target[len] = '\0';
    if (sscanf(target, "socket:[%llu]", &inode) == 1)
        add_held_socket(look, inode);
    rules = look->here && strcmp(target, LINK_OF(STATUS_RULES_NAME)) == 0;
    if (!rules && strcmp(target, LINK_OF(STATUS_MEMORY)) != 0)
        return;
    fd = open_memory(directory, name);
    if (fd < 0)
        return;
    if (rules)
        status_read_rules(look->list, look->process.pid, fd);
    else
        add_candidate(look, fd);
    close(fd);
}

/* Adds the queues that are bound to the netlink socket. */
static void count_queues(const struct status_kernel *kernel, unsigned port_id,
                         struct status_socket *s)
{
    for (size_t i = 0; i < kernel->queue_count; i++) {
        const struct status_queue *q = &kernel->queues[i];

        if (q->port_id != port_id)
            continue;
        if (!s->queues++ || q->number < s->queue)
            s->queue = q->number;
        s->waiting += q->waiting;
        s->queue_full += q->queue_full;
        s->buffer_full += q->buffer_full;
    }
}

static struct status_socket *socket_of_memory(struct status_list *list, unsigned long long memory)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->sockets[i].memory == memory)
            return &list->sockets[i];
    }
    return NULL;
}

static const struct status_netlink *find_held_socket(const struct look *look,
                                                     unsigned long long inode)
{
    for (size_t i = 0; i < look->socket_count; i++) {
        if (look->sockets[i]->inode == inode)
            return look->sockets[i];
    }
    return NULL;
}

/*
 * The file counts if the process has the netlink socket that the file names, and if that socket
 * owns queues, which takes privileges, or the file belongs to root.
 */
static struct status_socket *add_if_confirmed(struct look *look, const struct candidate *c)
{
    const struct status_netlink *netlink = find_held_socket(look, c->counters.netlink);
    struct status_list *list = look->list;
    struct status_socket s = {.counters = c->counters, .memory = c->memory};

    if (!netlink)
        return NULL;
    count_queues(look->kernel, netlink->port_id, &s);
    if (!s.queues && (!c->of_root || c->counters.port))
        return NULL;
    list->sockets = grow_array(list->sockets, list->count + 1, sizeof(s));
    list->sockets[list->count] = s;
    return &list->sockets[list->count++];
}

static void add_socket_process(struct status_socket *s, const struct status_process *process)
{
    if (s->process_count && s->processes[s->process_count - 1].pid == process->pid)
        return;
    s->processes = grow_array(s->processes, s->process_count + 1, sizeof(*process));
    s->processes[s->process_count++] = *process;
}

static void read_command_name(int directory, struct status_process *process)
{
    int fd = openat(directory, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, process->command, sizeof(process->command) - 1);

    if (len > 0 && process->command[len - 1] == '\n')
        len--;
    process->command[len > 0 ? len : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static bool in_our_network_namespace(int directory)
{
    struct stat theirs, ours;

    return fstatat(directory, "ns/net", &theirs, 0) == 0 && stat("/proc/self/ns/net", &ours) == 0 &&
           theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

static void examine_process(struct look *look, int directory)
{
    int fds = openat(directory, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fds < 0 ? NULL : fdopendir(fds);
    const struct dirent *entry;

    if (!entries) {
        look->list->incomplete |= errno == EACCES;
        if (fds >= 0)
            close(fds);
        return;
    }
    look->here = in_our_network_namespace(directory);
    while ((entry = readdir(entries))) {
        if (isdigit((unsigned char)entry->d_name[0]))
            examine_descriptor(look, fds, entry->d_name);
    }
    closedir(entries);
    if (look->candidate_count)
        read_command_name(directory, &look->process);
    for (size_t i = 0; i < look->candidate_count; i++) {
        const struct candidate *c = &look->candidates[i];
        struct status_socket *s = socket_of_memory(look->list, c->memory);

        if (!s)
            s = add_if_confirmed(look, c);
        if (s)
            add_socket_process(s, &look->process);
    }
}

static int compare_by_port(const void *a, const void *b)
{
    const struct status_socket *x = a, *y = b;

    if (x->counters.port != y->counters.port)
        return x->counters.port < y->counters.port ? -1 : 1;
    if (x->queue != y->queue)
        return x->queue < y->queue ? -1 : 1;
    return x->memory < y->memory ? -1 : x->memory > y->memory;
}

static void examine_all_processes(struct status_list *list, const struct status_kernel *kernel)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;

    while (proc && (entry = readdir(proc))) {
        struct look look = {.list = list, .kernel = kernel};
        int directory;

        look.process.pid = atoi(entry->d_name);
        if (look.process.pid <= 0)
            continue;
        directory = openat(dirfd(proc), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
            continue;
        examine_process(&look, directory);
        close(directory);
        free(look.sockets);
        free(look.candidates);
    }
    if (proc)
        closedir(proc);
}

int status_find(struct status_list *list)
{
    struct status_kernel kernel = {0};
    int status = status_kernel_read(&kernel);

    if (!status) {
        examine_all_processes(list, &kernel);
        status_count_rules(list);
    }
    if (list->count)
        qsort(list->sockets, list->count, sizeof(*list->sockets), compare_by_port);
    status_kernel_free(&kernel);
    return status;
}

void status_free(struct status_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->sockets[i].processes);
    for (size_t i = 0; i < list->rule_count; i++)
        free(list->rules[i].text);
    for (size_t i = 0; i < list->run_count; i++) {
        free(list->runs[i].counters);
        free(list->runs[i].states);
    }
    free(list->sockets);
    free(list->rules);
    free(list->runs);
    *list = (struct status_list){0};
}
