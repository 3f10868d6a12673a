/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl(3) for NET_RT_IFLIST: all interfaces with their addresses. */
#include "bsd/sysctl.h"

#include "bsd/route_message.h"
#include "netif/rtnetlink.h"
#include "real.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DUMP_ATTEMPTS 5

struct list {
    int family;
    unsigned index; /* 0: all */
    char *buf;      /* of the caller, or NULL */
    size_t room;
    size_t used;   /* of buf */
    size_t needed; /* for all messages */
    struct rtnetlink_address *address;
    size_t addresses, capacity;
    bool failed; /* out of memory */
};

static bool is_wanted(const struct list *l, uint32_t index)
{
    return !l->index || l->index == index;
}

static bool grow(struct list *l)
{
    size_t capacity = l->capacity ? l->capacity * 2 : 64;
    void *larger = realloc(l->address, capacity * sizeof(*l->address));

    if (!larger)
        return false;
    l->address = larger;
    l->capacity = capacity;
    return true;
}

static int note_address(const struct nlmsghdr *nlh, void *data)
{
    struct rtnetlink_address address;
    struct list *l = data;

    if (!rtnetlink_read_address(nlh, &address) || !is_wanted(l, address.index))
        return MNL_CB_OK;
    if (l->addresses == l->capacity && !grow(l)) {
        l->failed = true;
        return MNL_CB_OK; /* the dump is read to its end all the same */
    }
    l->address[l->addresses++] = address;
    return MNL_CB_OK;
}

static void append_message(struct list *l, const void *message, size_t len)
{
    if (l->needed == l->used && l->used + len <= l->room) {
        memcpy(l->buf + l->used, message, len);
        l->used += len;
    }
    l->needed += len;
}

static int append_link(const struct nlmsghdr *nlh, void *data)
{
    uint64_t message[ROUTE_MESSAGE_MAX / sizeof(uint64_t)];
    struct list *l = data;
    struct rtnetlink_link link;

    if (!rtnetlink_read_link(nlh, &link) || !is_wanted(l, link.index))
        return MNL_CB_OK;
    append_message(l, message, route_message_link(message, &link));
    for (size_t i = 0; i < l->addresses; i++) {
        if (l->address[i].index == link.index)
            append_message(l, message, route_message_address(message, &l->address[i], false, NULL));
    }
    return MNL_CB_OK;
}

static bool make_list(struct list *l, int fd)
{
    l->used = l->needed = l->addresses = 0;
    return rtnetlink_dump(fd, RTM_GETADDR, (unsigned char)l->family, note_address, l) &&
           rtnetlink_dump(fd, RTM_GETLINK, AF_UNSPEC, append_link, l);
}

/*
 * A caller that only asks for the size gets room for one more message, should one come in between.
 */
static int result(const struct list *l, struct sysctl_old *old)
{
    if (l->failed)
        return -ENOMEM;
    if (!old->len)
        return 0;
    if (!old->value) {
        *old->len = l->needed + ROUTE_MESSAGE_MAX;
        return 0;
    }
    *old->len = l->used;
    return l->used < l->needed ? -ENOMEM : 0;
}

int sysctl_interfaces(int family, unsigned index, struct sysctl_old *old)
{
    struct list l = {.family = family, .index = index, .buf = old->value};
    bool done = false;
    int err = 0;

    if (l.buf && old->len)
        l.room = *old->len;
    for (int attempt = 0; !done && !err && attempt < DUMP_ATTEMPTS; attempt++) {
        int fd = rtnetlink_open(0);

        if (fd < 0) {
            err = fd;
            break;
        }
        done = make_list(&l, fd);
        real.close(fd);
    }
    if (!err)
        err = done ? result(&l, old) : -EAGAIN;
    free(l.address);
    return err;
}
