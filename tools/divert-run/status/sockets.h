/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of status/ share: the divert sockets that were found, and the kernel's tables. */
#ifndef DIVERT_RUN_STATUS_SOCKETS_H
#define DIVERT_RUN_STATUS_SOCKETS_H

#include "common/status.h"
#include "status/status.h"
#include "util/text.h"

#include <stdbool.h>
#include <sys/types.h>

struct status_process {
    pid_t pid;
    char command[17]; /* as the process likes to be called: any bytes */
};

/* A divert socket. */
struct status_socket {
    struct status counters;    /* as the library keeps them: may be any numbers, port included */
    unsigned long long memory; /* inode number of the file they stand in: one a socket */
    struct status_process *processes; /* that have it, by number */
    size_t process_count;
    unsigned queue, queues;     /* as the kernel has it: the first, and how many; 0 unbound */
    unsigned long long waiting; /* packets in the kernel that have no verdict */
    unsigned long long queue_full, buffer_full; /* packets that the kernel dropped */
};

/* A rule of a divert-run that lives. */
struct status_rule {
    unsigned port;
    char *text; /* any bytes but newlines */
};

struct status_list {
    struct status_socket *sockets;
    size_t count;
    struct status_rule *rules;
    size_t rule_count;
    bool hidden; /* there are processes that must not be looked into */
};

/* The sockets by port, all zeros before. Give it to status_free(). 0, or an exit status. */
int status_find(struct status_list *list);
void status_free(struct status_list *list);

/* Packets in the kernel that nobody has read. */
unsigned long long status_unread(const struct status_socket *s);

/* One JSON object on one line, or text for people. */
void status_json(const struct status_list *list, struct text *out);
void status_text(const struct status_list *list, struct text *out);

/* rules.c: takes over what another process published, if fd is that. */
void status_read_rules(struct status_list *list, int fd);
#define STATUS_RULES_NAME "divertshim-rules"

/* kernel.c: what /proc/net says. */
struct status_netlink {
    unsigned long long inode; /* of the socket */
    unsigned port_id;
};

struct status_queue {
    unsigned number, port_id;
    unsigned long long waiting, queue_full, buffer_full; /* packets */
};

struct status_kernel {
    struct status_netlink *sockets; /* those of netfilter */
    size_t socket_count;
    struct status_queue *queues;
    size_t queue_count;
};

/* The socket of that inode in this network namespace, or NULL. */
const struct status_netlink *status_netlink_find(const struct status_kernel *kernel,
                                                 unsigned long long inode);
int status_kernel_read(struct status_kernel *kernel);
void status_kernel_free(struct status_kernel *kernel);

#endif
