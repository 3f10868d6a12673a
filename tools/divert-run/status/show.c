/* SPDX-License-Identifier: BSD-2-Clause */
/* Shows the status, once or repeatedly. */
#include "status/private.h"

#include "util/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Sockets that share a queue share the netlink socket that owns it. */
static bool has_queue_of(const struct status_socket *a, const struct status_socket *b)
{
    return a->counters.netlink == b->counters.netlink;
}

bool status_shares_queue(const struct status_list *list, const struct status_socket *s)
{
    for (size_t i = 0; i < list->count; i++) {
        if (&list->sockets[i] != s && has_queue_of(&list->sockets[i], s))
            return true;
    }
    return false;
}

/* The kernel also counts packets that were read as waiting. */
unsigned long long status_unread(const struct status_list *list, const struct status_socket *s)
{
    unsigned long long read = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (has_queue_of(&list->sockets[i], s))
            read += list->sockets[i].counters.unwritten;
    }
    return s->waiting > read ? s->waiting - read : 0;
}

static int print_status_once(bool json, const char *before)
{
    struct status_list list = {0};
    struct text out = {0};
    int status = status_find(&list);

    if (!status) {
        if (json)
            status_json(&list, &out);
        else
            status_text(&list, &out);
        if (fputs(before, stdout) < 0 || fputs(text_str(&out), stdout) < 0 || fflush(stdout)) {
            message_error("--status: standard output: %s", strerror(errno));
            status = STATUS_FAILED;
        }
    }
    if (!status && list.incomplete && !json)
        message_warning(
            "other users' processes were not examined; root of the host sees all sockets");
    text_free(&out);
    status_free(&list);
    return status;
}

static void sleep_seconds(double seconds)
{
    time_t whole = (time_t)seconds;
    struct timespec rest = {.tv_sec = whole, .tv_nsec = (long)((seconds - (double)whole) * 1e9)};

    nanosleep(&rest, NULL);
}

/* On a terminal each status replaces the one before. */
int status_show(double interval, bool json)
{
    static const char clear[] = "\033[H\033[2J";
    bool terminal = !json && interval > 0 && isatty(STDOUT_FILENO);
    int status = print_status_once(json, terminal ? clear : "");

    while (!status && interval > 0) {
        sleep_seconds(interval);
        status = print_status_once(json, terminal ? clear : json ? "" : "\n");
    }
    return status;
}
