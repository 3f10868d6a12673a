/* SPDX-License-Identifier: BSD-2-Clause */
#include "divert/inherit.h"

#include "divert/divert.h"
#include "fdtable.h"
#include "flusher.h"
#include "process/private_fd.h"
#include "real.h"
#include "util/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "DIVERTSHIM_INHERIT"

/*
 * What goes along, as "queue:event:memory:event:memory,..." of one socket after the other; the
 * second event and memory are of the socket of the other family that shares the port, or -1.
 */
struct list {
    char *text;
    size_t used;
    bool all; /* not only of descriptors that are inherited */
};

static void let_go_along(int fd, bool along)
{
    if (fd >= 0)
        real.fcntl(fd, F_SETFD, along ? 0 : FD_CLOEXEC);
}

static void let_socket_go_along(const struct divert_handles *h, bool along)
{
    let_go_along(h->queue_fd, along);
    let_go_along(h->event_fd, along);
    let_go_along(h->memory_fd, along);
    let_go_along(h->sibling_event_fd, along);
    let_go_along(h->sibling_memory_fd, along);
}

static bool inherited(int fd)
{
    int flags = real.fcntl(fd, F_GETFD);

    return flags >= 0 && !(flags & FD_CLOEXEC);
}

/* A socket with several descriptors is entered once: the text has it then. */
static void enter(int fd, struct divert_socket *s, void *arg)
{
    struct list *list = arg;
    struct divert_handles h;
    char entry[64];
    size_t len;

    if ((!list->all && !inherited(fd)) || !divert_handles(s, &h))
        return;
    len = (size_t)snprintf(entry, sizeof(entry), "%d:%d:%d:%d:%d,", h.queue_fd, h.event_fd,
                           h.memory_fd, h.sibling_event_fd, h.sibling_memory_fd);
    if (strstr(list->text, entry) || list->used + len >= EXEC_TEXT_MAX)
        return;
    memcpy(list->text + list->used, entry, len + 1);
    list->used += len;
    let_socket_go_along(&h, true);
}

static bool is_variable(const char *string)
{
    return strncmp(string, VARIABLE "=", sizeof(VARIABLE)) == 0;
}

size_t exec_room(char *const envp[])
{
    size_t count = 0;

    while (divert_any_open() && envp && envp[count])
        count++;
    return count + 2;
}

char *const *exec_environment(char *const envp[], bool all, char **own, char text[EXEC_TEXT_MAX])
{
    struct list list = {text, sizeof(VARIABLE), all};
    size_t count = 0;

    if (!divert_any_open())
        return envp;
    flusher_send_all();
    memcpy(text, VARIABLE "=", sizeof(VARIABLE) + 1);
    fdtable_each(enter, &list);
    if (list.used == sizeof(VARIABLE))
        return envp;
    for (; envp && *envp; envp++) {
        if (!is_variable(*envp))
            own[count++] = *envp;
    }
    own[count++] = text;
    own[count] = NULL;
    return own;
}

static void keep_here(int fd, struct divert_socket *s, void *arg)
{
    struct divert_handles h;

    (void)fd;
    (void)arg;
    if (divert_handles(s, &h))
        let_socket_go_along(&h, false);
}

void exec_failed(void)
{
    if (divert_any_open())
        fdtable_each(keep_here, NULL);
}

/* The number by which the kernel tells eventfds apart; -1 if it is none. */
static long eventfd_number(int fd)
{
    static const char key[] = "eventfd-id:";
    char path[32], text[512] = {0}, *line;
    ssize_t n;
    int info;

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    info = open(path, O_RDONLY | O_CLOEXEC);
    if (info < 0)
        return -1;
    n = real.read(info, text, sizeof(text) - 1);
    real.close(info);
    line = n > 0 ? strstr(text, key) : NULL;
    return line ? strtol(line + sizeof(key) - 1, NULL, 10) : -1;
}

/* All descriptors that the program before left for the socket; how many there are. */
static int enter_descriptors(struct divert_socket *s, long number)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    int found = 0;

    while (directory && (entry = readdir(directory))) {
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] == '.' || private_fd_has(fd) || eventfd_number(fd) != number)
            continue;
        if (fdtable_insert(fd, divert_hold(s)) == 0)
            found++;
        else
            divert_release(s);
    }
    if (directory)
        closedir(directory);
    return found;
}

/* Descriptors that are not what the variable says are not ours to close. */
static void adopt(const struct divert_handles *h)
{
    long number = eventfd_number(h->event_fd);
    struct divert_socket *s = number < 0 ? NULL : divert_adopt(h);

    if (!s) {
        log_line(LOG_WARN,
                 "a divert socket of the program before cannot be used: descriptors %d, "
                 "%d and %d are not what " VARIABLE " says",
                 h->queue_fd, h->event_fd, h->memory_fd);
        return;
    }
    if (enter_descriptors(s, number) == 0)
        log_line(LOG_DEBUG, "the program before left a divert socket without a descriptor");
    divert_release(s);
}

void exec_adopt(void)
{
    const char *variable = secure_getenv(VARIABLE);
    char text[EXEC_TEXT_MAX], *at = text;
    struct divert_handles h;
    int len = 0;

    snprintf(text, sizeof(text), "%s", variable ? variable : "");
    unsetenv(VARIABLE);
    while (sscanf(at, "%9d:%9d:%9d:%9d:%9d,%n", &h.queue_fd, &h.event_fd, &h.memory_fd,
                  &h.sibling_event_fd, &h.sibling_memory_fd, &len) == 5 &&
           len) {
        adopt(&h);
        at += len;
        len = 0;
    }
}
