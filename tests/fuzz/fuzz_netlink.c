/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink messages: those of NFQUEUE and NFLOG, and rtnetlink's lists of interfaces and addresses.
 * They come from the kernel, and from any process of the network namespace with CAP_NET_ADMIN. The
 * sources are included, for the functions behind the system call.
 */
#include "netif/interfaces.c"
#include "nfq.c"

#include "fuzz.h"

/*
 * A ring whose first slot ends where the message ends, so that sanitizers notice a read beyond it.
 */
static void queue_message(const uint8_t *data, size_t size)
{
    size_t room = size < NFQUEUE_SLOT_SIZE ? size : NFQUEUE_SLOT_SIZE;
    struct mmsghdr message = {.msg_len = (unsigned)room};
    struct nfqueue_packet p;
    struct nfqueue_ring *ring;
    struct iovec iov;
    void *block;

    REQUIRE(!posix_memalign(&block, 64, offsetof(struct nfqueue_ring, slot) + room), "no memory");
    ring = block;
    memset(ring, 0, offsetof(struct nfqueue_ring, slot));
    ring->refused = 1; /* already reported */
    iov = (struct iovec){ring->slot, room};
    memcpy(iov.iov_base, data, room);
    message.msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
    if (parse_message(ring, &message, &p)) {
        REQUIRE(p.at <= room && p.len <= room - p.at, "%u bytes at %u of %zu", p.len, p.at, room);
        REQUIRE(p.family == AF_INET || p.family == AF_INET6, "family %d", p.family);
    }
    free(block);
}

static void ascending(const struct interface_list *list)
{
    for (size_t i = 1; i < list->interfaces; i++)
        REQUIRE(list->interface[i - 1].index <= list->interface[i].index, "interface %zu", i);
    for (size_t i = 0; i < list->interfaces; i++)
        REQUIRE(memchr(list->interface[i].name, 0, IFNAMSIZ), "name of interface %zu", i);
}

/* libmnl believes lengths above INT_MAX, which is why only the kernel's messages get that far. */
static bool lengths_are_possible(const uint8_t *data, size_t size)
{
    while (size >= sizeof(struct nlmsghdr)) {
        struct nlmsghdr header;

        memcpy(&header, data, sizeof(header));
        if (header.nlmsg_len > INT32_MAX)
            return false;
        if (header.nlmsg_len < sizeof(header) || NLMSG_ALIGN(header.nlmsg_len) >= size)
            return true;
        data += NLMSG_ALIGN(header.nlmsg_len);
        size -= NLMSG_ALIGN(header.nlmsg_len);
    }
    return true;
}

static void route_messages(const uint8_t *data, size_t size, mnl_cb_t message)
{
    struct input in = {data, size};
    uint8_t *block = take_block(&in, size, &size);

    REQUIRE(allocate_lists(), "no memory");
    if (lengths_are_possible(block, size))
        mnl_cb_run(block, size, 0, 0, message, &lists[0]);
    ascending(&lists[0]);
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t kind = take8(&in);

    lists[0].interfaces = lists[0].addresses = 0;
    switch (kind % 4) {
    case 0:
        route_messages(in.at, in.left, list_interface);
        break;
    case 1: { /* half of it interfaces, half of it addresses */
        size_t half = in.left / 2 & ~(size_t)3;

        route_messages(in.at, half, list_interface);
        route_messages(in.at + half, in.left - half, list_address);
        break;
    }
    default:
        queue_message(in.at, in.left);
    }
    return 0;
}
