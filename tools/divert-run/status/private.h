/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of status/ share: the divert sockets that were found, and the kernel's tables. */
#ifndef DIVERT_RUN_STATUS_PRIVATE_H
#define DIVERT_RUN_STATUS_PRIVATE_H

#include "common/status.h"
#include "status/status.h"
#include "util/text.h"

#include <stdbool.h>
#include <sys/types.h>

struct status_process {
    pid_t pid;
    char command[17]; /* name that the process chose: any bytes */
};

/* A divert socket. */
struct status_socket {
    struct status counters;    /* written by the process: may be any numbers, port included */
    unsigned long long memory; /* inode number of their file, unique for each socket */
    struct status_process *processes; /* that have the socket, by PID */
    size_t process_count;
    unsigned queue, queues;     /* in the kernel: the first, and their number; 0: unbound */
    unsigned long long waiting; /* packets in the kernel that have no verdict */
    unsigned long long queue_full, buffer_full; /* packets that the kernel dropped */
};

/* A rule of a running divert-run. */
struct status_rule {
    unsigned port;
    bool removed; /* from the packet filter, by somebody else */
    char *text;   /* any bytes but newlines */
};

struct status_list {
    struct status_socket *sockets;
    size_t count;
    struct status_rule *rules;
    size_t rule_count;
    bool incomplete; /* some processes could not be examined */
};

/* Fills LIST, which must be zeroed, sorted by port; status_free() releases it. 0, or an exit status
 * after an error message. */
int status_find(struct status_list *list);
void status_free(struct status_list *list);

/*
 * Two sockets of one port, one for each family, share a queue. The kernel's numbers are those of
 * the queue, and so is the number of packets that nobody has read.
 */
bool status_shares_queue(const struct status_list *list, const struct status_socket *s);
unsigned long long status_unread(const struct status_list *list, const struct status_socket *s);

/* Append one JSON object on one line, or text for people. */
void status_json(const struct status_list *list, struct text *out);
void status_text(const struct status_list *list, struct text *out);

/* rules.c: adds the rules that another process published in FD, if it did. */
void status_read_rules(struct status_list *list, int fd);
#define STATUS_RULES_NAME "divertshim-rules"

/* kernel.c: the tables in /proc/net. */
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
