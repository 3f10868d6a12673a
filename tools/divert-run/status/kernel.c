/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the kernel's tables of netlink sockets and queues. */
#include "status/private.h"
#include "util/message.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char queue_table[] = "/proc/net/netfilter/nfnetlink_queue";

/* Calls take(kernel, line) for each line of a table in /proc/net. 0, or errno. */
static int read_table_lines(const char *path, struct status_kernel *kernel,
                            void (*take)(struct status_kernel *kernel, const char *line))
{
    FILE *file = fopen(path, "re");
    char line[512];

    if (!file)
        return errno;
    while (fgets(line, sizeof(line), file))
        take(kernel, line);
    fclose(file);
    return 0;
}

static void add_kernel_socket(struct status_kernel *kernel, const char *line)
{
    struct status_netlink s;
    int protocol;

    /* The first word is a hashed address, or "(____ptrval____)" soon after the boot. */
    if (sscanf(line, "%*s %d %u %*x %*d %*d %*d %*d %*u %llu", &protocol, &s.port_id, &s.inode) !=
            3 ||
        protocol != NETLINK_NETFILTER)
        return;
    kernel->sockets = grow_array(kernel->sockets, kernel->socket_count + 1, sizeof(s));
    kernel->sockets[kernel->socket_count++] = s;
}

static void add_kernel_queue(struct status_kernel *kernel, const char *line)
{
    struct status_queue q;

    if (sscanf(line, "%u %u %llu %*u %*u %llu %llu", &q.number, &q.port_id, &q.waiting,
               &q.queue_full, &q.buffer_full) != 5)
        return;
    kernel->queues = grow_array(kernel->queues, kernel->queue_count + 1, sizeof(q));
    kernel->queues[kernel->queue_count++] = q;
}

int status_kernel_read(struct status_kernel *kernel)
{
    int error = read_table_lines("/proc/net/netlink", kernel, add_kernel_socket);

    if (error) {
        message_error("--status: /proc/net/netlink: %s", strerror(error));
        return STATUS_FAILED;
    }
    error = read_table_lines(queue_table, kernel, add_kernel_queue);
    if (!error || error == ENOENT) /* without the module no queue is bound */
        return 0;
    message_error("--status: %s: %s%s", queue_table, strerror(error),
                  error != EACCES ? ""
                  : geteuid() != 0
                      ? "; divert sockets are shown to root"
                      : "; the kernel shows it to root of the host, and not to root "
                        "of a user namespace: 'nsenter -t PID -n divert-run --status'");
    return STATUS_FAILED;
}

const struct status_netlink *status_netlink_find(const struct status_kernel *kernel,
                                                 unsigned long long inode)
{
    for (size_t i = 0; i < kernel->socket_count; i++) {
        if (kernel->sockets[i].inode == inode)
            return &kernel->sockets[i];
    }
    return NULL;
}

void status_kernel_free(struct status_kernel *kernel)
{
    free(kernel->sockets);
    free(kernel->queues);
}
