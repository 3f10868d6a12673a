/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers packets that are denied. */
#include "common/mark.h"
#include "events/private.h"
#include "util/message.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWERS_MAX 1000 /* a second */

/* One for whole packets, and one for ICMP; -1: there is none. */
struct sockets {
    int whole, icmp;
};

static struct sockets four = {-1, -1}, six = {-1, -1};

static int open_raw(int family, int proto)
{
    return socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
}

/* It only sends: a filter blocks what it would receive. */
static void shut_icmp6(int fd)
{
    struct icmp6_filter none;

    ICMP6_FILTER_SETBLOCKALL(&none);
    setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &none, sizeof(none));
}

/* As with BSD, a RST does not meet the rules, but an ICMP error does. */
static void mark_as_past_all(int fd, uint32_t mark_mask)
{
    uint32_t mark = (uint32_t)TAG_PAST_ALL << mark_shift(mark_mask);

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
        message_warning("divert-run's own RSTs may meet the rules: SO_MARK: %s", strerror(errno));
}

/* The checksum of ICMP for IPv4 does not cover addresses, so the kernel can fill in the source. */
void answer_open(uint32_t mark_mask)
{
    four = (struct sockets){open_raw(AF_INET, IPPROTO_RAW), open_raw(AF_INET, IPPROTO_RAW)};
    if (four.whole < 0 || four.icmp < 0)
        message_warning("reject, unreach and reset will drop packets without an answer: raw "
                        "socket: %s",
                        strerror(errno));
    six = (struct sockets){open_raw(AF_INET6, IPPROTO_RAW), open_raw(AF_INET6, IPPROTO_ICMPV6)};
    if (six.icmp >= 0)
        shut_icmp6(six.icmp);
    mark_as_past_all(four.whole, mark_mask);
    mark_as_past_all(six.whole, mark_mask);
}

/* A flood of packets must not become a flood of answers. */
static bool answer_allowed(void)
{
    static time_t second;
    static unsigned sent;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec != second)
        sent = 0;
    second = now.tv_sec;
    return sent++ < ANSWERS_MAX;
}

/* Puts an IPv4 header before an ICMP error. */
static size_t wrap_icmp(const struct told_packet *packet, uint8_t *out, size_t len)
{
    memmove(out + 20, out, len);
    memset(out, 0, 20);
    out[0] = 4 << 4 | 5;
    out[8] = 64;
    out[9] = IPPROTO_ICMP;
    memcpy(out + 16, packet->bytes + 12, 4);
    return len + 20;
}

static void send_four(const struct told_packet *packet, int fd, const uint8_t *bytes, size_t len)
{
    struct sockaddr_in to = {.sin_family = AF_INET};

    memcpy(&to.sin_addr, packet->bytes + 12, sizeof(to.sin_addr));
    sendto(fd, bytes, len, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
}

static void send_six(const struct told_packet *packet, int fd, const uint8_t *bytes, size_t len)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6};

    memcpy(&to.sin6_addr, packet->bytes + 8, sizeof(to.sin6_addr));
    if (IN6_IS_ADDR_LINKLOCAL(&to.sin6_addr))
        to.sin6_scope_id = packet->interface;
    sendto(fd, bytes, len, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
}

void answer_send(const struct rule_answer *answer, const struct told_packet *packet,
                 const struct headers *h)
{
    bool reset = answer->kind == ANSWER_RESET || answer->kind == ANSWER_RESET6;
    uint8_t out[REPLY_MAX];
    size_t len;

    if ((answer->kind == ANSWER_RESET6 && h->family == 4) || !answer_allowed())
        return;
    len = reset ? reply_reset(packet, h, out) : reply_unreach(answer, packet, h, out);
    if (!len)
        return;
    if (h->family == 6) {
        send_six(packet, reset ? six.whole : six.icmp, out, len);
        return;
    }
    if (!reset)
        len = wrap_icmp(packet, out, len);
    send_four(packet, reset ? four.whole : four.icmp, out, len);
}
