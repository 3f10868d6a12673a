/* SPDX-License-Identifier: BSD-2-Clause */
/* Divert sockets over exec: naming them in the environment, and adopting them. */
#include "divert/inherit.h"

#include "common/environment.h"
#include "divert/divert.h"
#include "fdtable.h"
#include "process/private_fd.h"
#include "real.h"
#include "util/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE  ENV_INHERIT
#define ENTRY_MAX 72 /* bytes of a socket in the variable */

/*
 * The variable's value: "epoll:queue:event:memory:event:memory," for each socket. The second event
 * and memory are of its sibling, or -1.
 */
struct inherit_list {
    char *text;
    size_t used, room;
    bool all; /* all sockets, not only those with a descriptor that is inherited */
};

static _Atomic bool copied_in_vfork;

void inherit_note_copy(void)
{
    atomic_store(&copied_in_vfork, true);
}

static void let_go_along(const struct divert_handles *h, bool along)
{
    for (int i = 0; i < HANDLES; i++) {
        if (h->fd[i] >= 0)
            real.fcntl(h->fd[i], F_SETFD, along ? 0 : FD_CLOEXEC);
    }
}

static bool is_inherited(int fd)
{
    int flags = real.fcntl(fd, F_GETFD);

    return flags >= 0 && !(flags & FD_CLOEXEC);
}

/* Adds a socket to the variable, unless another descriptor of it has done so. */
static void enter_socket(struct inherit_list *list, const struct divert_socket *s)
{
    struct divert_handles h;
    char entry[ENTRY_MAX];
    size_t len;

    if (!divert_get_handles(s, &h))
        return;
    len = (size_t)snprintf(entry, sizeof(entry), "%d:%d:%d:%d:%d:%d,", h.fd[0], h.fd[1], h.fd[2],
                           h.fd[3], h.fd[4], h.fd[5]);
    if (strstr(list->text, entry) || list->used + len >= list->room)
        return;
    memcpy(list->text + list->used, entry, len + 1);
    list->used += len;
    let_go_along(&h, true);
}

static void enter_all(struct inherit_list *list)
{
    for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1)) {
        struct divert_socket *s = list->all || is_inherited(fd) ? divert_find(fd) : NULL;

        if (!s)
            continue;
        enter_socket(list, s);
        divert_release(s);
    }
}

static bool is_variable(const char *string)
{
    return strncmp(string, VARIABLE "=", sizeof(VARIABLE)) == 0;
}

size_t inherit_room(char *const envp[])
{
    size_t count = 0;

    while (divert_any_open() && envp && envp[count])
        count++;
    return count + 2;
}

size_t inherit_text_room(void)
{
    size_t sockets = 0;

    for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1))
        sockets += fdtable_kind(fd) == FD_DIVERT;
    return sizeof(VARIABLE "=") + sockets * ENTRY_MAX;
}

char *const *inherit_environment(char *const envp[], bool all, char **own, char *text,
                                 size_t text_room)
{
    struct inherit_list list = {text, sizeof(VARIABLE), text_room, all};
    size_t count = 0;

    list.all |= atomic_exchange(&copied_in_vfork, false);
    if (!divert_any_open())
        return envp;
    memcpy(text, VARIABLE "=", sizeof(VARIABLE) + 1);
    enter_all(&list);
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

static void keep_here(struct divert_socket *s, void *arg)
{
    struct divert_handles h;

    (void)arg;
    if (divert_get_handles(s, &h))
        let_go_along(&h, false);
}

void inherit_failed(void)
{
    if (divert_any_open())
        divert_each(keep_here, NULL);
}

/* /proc/self/fdinfo shows the data of what an epoll descriptor watches. */
static bool is_epoll_with(int fd, uint64_t identity)
{
    char path[32], text[512] = {0}, data[32];
    ssize_t n;
    int info;

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    info = open(path, O_RDONLY | O_CLOEXEC);
    if (info < 0)
        return false;
    n = real.read(info, text, sizeof(text) - 1);
    real.close(info);
    snprintf(data, sizeof(data), "data: %16" PRIx64 " ", identity);
    return n > 0 && strstr(text, data);
}

/* Enters all descriptors of the socket that were inherited into the table; returns how many. */
static int enter_descriptors(struct divert_socket *s)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    int found = 0;

    while (directory && (entry = readdir(directory))) {
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] == '.' || fdtable_special(fd) ||
            !is_epoll_with(fd, divert_identity(s)))
            continue;
        fd_object_hold((struct fd_object *)s);
        if (fdtable_set_divert(fd, (struct fd_object *)s) == 0)
            found++;
        else
            divert_release(s);
    }
    if (directory)
        closedir(directory);
    return found;
}

/*
 * Descriptors that are not what the variable says are not closed: they are not ours. If they are
 * not open at all, they were closed on purpose, and no message is written.
 */
static void adopt_one(const struct divert_handles *h)
{
    struct divert_socket *s = divert_adopt(h);

    if (!s && real.fcntl(h->fd[HANDLE_QUEUE], F_GETFD) >= 0)
        log_line(LOG_WARN,
                 "a divert socket inherited over exec cannot be used: descriptors %d, %d and %d "
                 "are not what " VARIABLE " says",
                 h->fd[HANDLE_QUEUE], h->fd[HANDLE_EVENT], h->fd[HANDLE_MEMORY]);
    if (!s)
        return;
    if (enter_descriptors(s) == 0)
        log_line(LOG_DEBUG, "an inherited divert socket has no descriptor");
    divert_release(s);
}

void inherit_adopt(void)
{
    const char *at = secure_getenv(VARIABLE);
    struct divert_handles h;
    int len = 0;

    while (at &&
           sscanf(at, "%9d:%9d:%9d:%9d:%9d:%9d,%n", &h.fd[0], &h.fd[1], &h.fd[2], &h.fd[3],
                  &h.fd[4], &h.fd[5], &len) == HANDLES &&
           len) {
        adopt_one(&h);
        at += len;
        len = 0;
    }
    unsetenv(VARIABLE);
}
