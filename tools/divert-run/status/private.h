/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of status/ share: the divert sockets that were found, and the kernel's tables. */
#ifndef DIVERT_RUN_STATUS_PRIVATE_H
#define DIVERT_RUN_STATUS_PRIVATE_H

#include "status/listing.h"
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
    struct status counters;           /* written by the process, so untrusted, port included */
    unsigned long long memory;        /* inode number of their file, unique for each socket */
    struct status_process *processes; /* that have the socket, by PID */
    size_t process_count;
    unsigned queue, queues;     /* in the kernel: the first, and their number; 0: unbound */
    unsigned long long waiting; /* packets in the kernel that have no verdict */
    unsigned long long queue_full, buffer_full; /* packets that the kernel dropped */
};

/* Which dynamic rules a rule makes. */
enum status_makes { MAKES_NONE, MAKES_STATE, MAKES_LIMIT };

/* A rule of a running divert-run. */
struct status_rule {
    unsigned port; /* to which it sends packets, or 0 */
    unsigned number;
    enum status_makes makes;
    char flow[RULE_FLOW_MAX]; /* of the dynamic rules */
    bool removed;             /* from the packet filter, by somebody else */
    char *text;               /* behind the number: any bytes but newlines */
    bool is_part; /* of the rule before it, as the user wrote it: COUNT is added to that one */
    bool counted; /* COUNT is known */
    struct status_count count;
    size_t first, places; /* in the run's places */
};

/* Where a rule counts, as in struct counter. */
struct status_counter {
    int family;
    unsigned row;
    char chain[CHAIN_NAME_SIZE];
};

/* A running divert-run. Its rules are some of the list's. */
struct status_run {
    pid_t pid;
    unsigned long long memory; /* inode number of what it published */
    char lister[32], id[5];
    size_t first, rules;
    struct status_counter *counters;
    size_t counter_count;
    struct listing_state *states; /* its dynamic rules, by rule and key */
    size_t state_count;
};

struct status_list {
    struct status_socket *sockets;
    size_t count;
    struct status_rule *rules;
    size_t rule_count;
    struct status_run *runs;
    size_t run_count;
    bool incomplete; /* some processes could not be examined */
};

/* Fills LIST, which must be zeroed, sorted by port; status_free() releases it. 0, or an exit status
 * after an error message. */
int status_find(struct status_list *list);
void status_free(struct status_list *list);

/*
 * Sockets for both families on one port share a queue. The kernel's numbers are those of the queue,
 * and so is the number of unread packets.
 */
bool status_shares_queue(const struct status_list *list, const struct status_socket *s);
unsigned long long status_unread(const struct status_list *list, const struct status_socket *s);

/* Append one JSON object on one line, or text for humans. */
void status_json(const struct status_list *list, struct text *out);
void status_text(const struct status_list *list, struct text *out);

/* rules.c: adds the run whose rules the process PID published in FD, if it did. */
void status_read_rules(struct status_list *list, pid_t pid, int fd);
#define STATUS_RULES_NAME "divertshim-rules-2" /* incremented with every change of its contents */

/*
 * counts.c: runs the tools that list the rules of all runs, and enters their counts and dynamic
 * rules.
 */
void status_count_rules(struct status_list *list);

/* runs.c: append the runs with their rules. */
void status_json_runs(const struct status_list *list, struct text *out);
void status_text_runs(const struct status_list *list, struct text *out);

/* text.c, json.c: append any bytes, escaped. */
void status_human_string(struct text *out, const char *s);
void status_json_string(struct text *out, const char *s);

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
