/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cookies of sockets, found by the kernel's own SO_COOKIE, which is the same for all copies of a
 * descriptor and never used again. So nothing has to be done when a descriptor is closed.
 */
#include "bsd/user_cookie.h"

#include "common/mark.h"
#include "process/process.h"
#include "real.h"
#include "util/log.h"
#include "util/options.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define COOKIES 256

/* One socket's cookie; the entry is free where socket is 0. */
struct user_cookie {
    uint64_t socket;
    uint32_t value;
};

static struct user_cookie cookies[COOKIES];
static unsigned next_cookie; /* index of the next to be used: the oldest */

static int socket_of(int fd, uint64_t *cookie)
{
    socklen_t size = sizeof(*cookie);

    return real.getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &size) < 0 ? -errno : 0;
}

static struct user_cookie *find_cookie(uint64_t socket)
{
    for (size_t i = 0; i < COOKIES; i++) {
        if (cookies[i].socket == socket)
            return &cookies[i];
    }
    return NULL;
}

/*
 * The rules of divert-run recognise a socket with a cookie other than 0 by its mark. The other bits
 * of the mark stay as they are.
 */
static void mark_numbered(int fd, bool has_number)
{
    const struct options *options = options_get();
    int saved = errno;
    uint32_t mark;
    socklen_t size = sizeof(mark);

    if (!options || !options->tags)
        return;
    if (real.getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &size) == 0) {
        mark = options_mark_with_tag(options, mark, has_number ? TAG_SOCKARG : 0);
        if (real.setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
            log_line(LOG_INFO, "SO_USER_COOKIE: rules with sockarg will not see it: SO_MARK: %s",
                     strerror(errno));
    }
    errno = saved;
}

int user_cookie_set(int fd, const void *value, socklen_t len)
{
    struct user_cookie new, *entry;
    int err = socket_of(fd, &new.socket);

    if (err)
        return err;
    if (!value)
        return -EFAULT;
    if (len < sizeof(new.value))
        return -EINVAL;
    memcpy(&new.value, value, sizeof(new.value));
    process_lock(LOCK_COOKIES);
    entry = find_cookie(new.socket);
    if (!entry)
        entry = &cookies[next_cookie++ % COOKIES];
    *entry = new;
    process_unlock(LOCK_COOKIES);
    mark_numbered(fd, new.value != 0);
    return 0;
}

int user_cookie_get(int fd, void *value, socklen_t *len)
{
    struct user_cookie found = {0};
    const struct user_cookie *entry;
    int err = socket_of(fd, &found.socket);

    if (err)
        return err;
    if (!value || !len)
        return -EFAULT;
    process_lock(LOCK_COOKIES);
    entry = find_cookie(found.socket);
    if (entry)
        found = *entry;
    process_unlock(LOCK_COOKIES);
    if (*len > sizeof(found.value))
        *len = sizeof(found.value);
    memcpy(value, &found.value, *len);
    return 0;
}
