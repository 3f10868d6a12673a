/* SPDX-License-Identifier: BSD-2-Clause */
/* Divert sockets over UNIX sockets: packing them into containers, and unpacking them. */
#include "divert/rights.h"

#include "divert/divert.h"
#include "fdtable.h"
#include "real.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define HANDLES_ALONE HANDLE_SIBLING_EVENT /* of a socket without a sibling */

static const char container_label[] = "divertshim: a divert socket";

/* The descriptors in one control message, and how many they are. */
static int *fds_of(const struct cmsghdr *c, size_t *count)
{
    *count = 0;
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return NULL;
    *count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    return (int *)(void *)CMSG_DATA(c);
}

/* CMSG_NXTHDR takes no const pointer. */
static struct cmsghdr *next_control(const struct msghdr *msg, struct cmsghdr *c)
{
    return c ? CMSG_NXTHDR((struct msghdr *)msg, c) : CMSG_FIRSTHDR(msg);
}

bool rights_needed(const struct msghdr *msg)
{
    if (!msg->msg_control || msg->msg_controllen > RIGHTS_CONTROL_MAX)
        return false;
    for (struct cmsghdr *c = next_control(msg, NULL); c; c = next_control(msg, c)) {
        size_t count;
        const int *fds = fds_of(c, &count);

        for (size_t i = 0; i < count; i++) {
            if (fdtable_kind(fds[i]) == FD_DIVERT)
                return true;
        }
    }
    return false;
}

/* Puts the descriptors into the container, whose other end is fd. */
static int fill_container(int fd, const struct divert_handles *h)
{
    char control[CMSG_SPACE(HANDLES * sizeof(int))] __attribute__((aligned(8))) = {0};
    struct iovec iov = {(void *)container_label, sizeof(container_label)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
    struct cmsghdr *c = (struct cmsghdr *)(void *)control;
    size_t count = h->fd[HANDLE_SIBLING_MEMORY] < 0 ? HANDLES_ALONE : HANDLES;

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
    memcpy(CMSG_DATA(c), h->fd, count * sizeof(int));
    return real.sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int make_container(const struct divert_socket *s)
{
    struct divert_handles h;
    int ends[2], err;

    if (!divert_get_handles(s, &h))
        return -EOPNOTSUPP;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    err = fill_container(ends[1], &h);
    real.close(ends[1]);
    if (!err)
        return ends[0];
    real.close(ends[0]);
    return err;
}

/* Replaces divert sockets by containers, in place; other descriptors stay. */
static int pack_fds(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct divert_socket *s = divert_find(fds[i]);
        int container;

        if (!s)
            continue;
        container = make_container(s);
        divert_release(s);
        if (container < 0)
            return container;
        fds[i] = container;
    }
    return 0;
}

int rights_pack(const struct msghdr *msg, struct msghdr *packed, void *control)
{
    int err = 0;

    *packed = *msg;
    packed->msg_control = memcpy(control, msg->msg_control, msg->msg_controllen);
    divert_send_pending_verdicts(); /* the receiver may use the socket at once */
    for (struct cmsghdr *c = next_control(packed, NULL); c && !err; c = next_control(packed, c)) {
        size_t count;
        int *fds = fds_of(c, &count);

        err = pack_fds(fds, count);
    }
    return err;
}

void rights_release(const struct msghdr *msg, const struct msghdr *packed)
{
    struct cmsghdr *before = next_control(msg, NULL), *c = next_control(packed, NULL);

    for (; c && before; c = next_control(packed, c), before = next_control(msg, before)) {
        size_t count;
        const int *fds = fds_of(c, &count), *own = fds_of(before, &count);

        for (size_t i = 0; i < count; i++) {
            if (fds[i] != own[i])
                real.close(fds[i]);
        }
    }
}

/* Root, or this very user: the contents of the memory are trusted. */
static bool maker_is_trusted(int fd)
{
    struct ucred maker;
    socklen_t size = sizeof(maker);

    return real.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &size) == 0 &&
           (maker.uid == 0 || maker.uid == geteuid());
}

static bool is_container(int fd)
{
    char label[sizeof(container_label)] = {0};
    int domain = 0;
    socklen_t size = sizeof(domain);

    return real.getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
           real.recv(fd, label, sizeof(label), MSG_PEEK | MSG_DONTWAIT) == sizeof(label) &&
           memcmp(label, container_label, sizeof(label)) == 0;
}

/* Receives copies of the descriptors; the container stays as it is. */
static bool open_container(int fd, struct divert_handles *h)
{
    char control[CMSG_SPACE(HANDLES * sizeof(int))] __attribute__((aligned(8))) = {0};
    char label[sizeof(container_label)];
    struct iovec iov = {label, sizeof(label)};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *c;
    size_t count = 0;
    const int *fds = NULL;

    if (real.recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
        return false;
    c = next_control(&msg, NULL);
    if (c)
        fds = fds_of(c, &count);
    if (count == HANDLES || count == HANDLES_ALONE) {
        for (size_t i = 0; i < HANDLES; i++)
            h->fd[i] = i < count ? fds[i] : -1;
        return true;
    }
    for (size_t i = 0; i < count; i++)
        real.close(fds[i]);
    return false;
}

static void unpack_one(int fd)
{
    struct divert_handles h;
    struct divert_socket *s;
    int flags;

    if (!is_container(fd) || !open_container(fd, &h))
        return;
    s = maker_is_trusted(fd) ? divert_adopt(&h) : NULL;
    if (!s) {
        divert_close_handles(&h);
        log_line(LOG_WARN, "a divert socket received over a UNIX socket cannot be used: it is "
                           "another user's, or of another version of this library");
        return;
    }
    flags = real.fcntl(fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0;
    if (divert_copy_descriptor(s, fd, flags) < 0 ||
        fdtable_set_divert(fd, (struct fd_object *)s) < 0)
        divert_release(s);
}

void rights_unpack(struct msghdr *msg)
{
    int saved = errno;

    for (struct cmsghdr *c = next_control(msg, NULL); c; c = next_control(msg, c)) {
        size_t count;
        const int *fds = fds_of(c, &count);

        for (size_t i = 0; i < count; i++)
            unpack_one(fds[i]);
    }
    errno = saved;
}
