/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells a service manager that the command runs, see sd_notify(3). */
#include "util/notify.h"

#include "util/message.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* 0, or errno. */
static int send_to_manager(const char *name, const char *state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int fd, error = 0;

    if (len >= sizeof(address.sun_path))
        return ENAMETOOLONG;
    memcpy(address.sun_path, name, len);
    if (*name == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        error = errno;
    close(fd);
    return error;
}

void notify_ready(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    int error = name && *name ? send_to_manager(name, "READY=1") : 0;

    if (error)
        message_warning(
            "NOTIFY_SOCKET=%s: cannot tell the service manager that the command runs: %s", name,
            strerror(error));
}
