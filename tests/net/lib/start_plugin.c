/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another library, in three roles for test_start.c: linked, its constructor uses a divert socket;
 * preloaded, it wraps read() and close(); opened by dlopen(), it is a plugin.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int plugin_divert_fd = -1, plugin_reads, plugin_closes;

int plugin_open(int port);

int plugin_open(int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_RAW, 258);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

__attribute__((constructor)) static void begin(void)
{
    const char *port = getenv("PLUGIN_PORT");

    if (port)
        plugin_divert_fd = plugin_open(atoi(port));
}

/* May run after the destructors of other libraries. */
__attribute__((destructor)) static void end(void)
{
    char byte;

    if (plugin_divert_fd < 0)
        return;
    if (recv(plugin_divert_fd, &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN)
        _exit(50);
    if (close(plugin_divert_fd) < 0)
        _exit(51);
}

#ifdef PLUGIN_WRAPS
ssize_t read(int fd, void *buf, size_t len)
{
    static ssize_t (*next)(int, void *, size_t);

    if (!next)
        next = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    plugin_reads++;
    return next(fd, buf, len);
}

int close(int fd)
{
    static int (*next)(int);

    if (!next)
        next = (int (*)(int))dlsym(RTLD_NEXT, "close");
    plugin_closes++;
    return next(fd);
}
#endif
