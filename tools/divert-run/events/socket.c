/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes an NFLOG group, and reads the events that come there. */
#include "events/private.h"
#include "util/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX  2048
#define BATCH        256
#define GROUPS_TRIED 64

static int event_socket = -1;

struct request {
    struct nlmsghdr head;
    struct nfgenmsg body;
    struct nlattr attribute;
    char value[12];
};

/* Sends one attribute to the group and reads the answer. 0, or an errno. */
static int configure_group(unsigned group, uint16_t type, const void *value, uint16_t len)
{
    struct request request = {
        .head = {.nlmsg_len =
                     sizeof(request.head) + sizeof(request.body) + NLA_HDRLEN + NLA_ALIGN(len),
                 .nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .body = {.version = NFNETLINK_V0, .res_id = htons((uint16_t)group)},
        .attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type},
    };
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char rest[256];
    } reply;

    memcpy(request.value, value, len);
    if (send(event_socket, &request, request.head.nlmsg_len, 0) < 0 ||
        recv(event_socket, &reply, sizeof(reply), 0) < 0)
        return errno;
    return reply.head.nlmsg_type == NLMSG_ERROR ? -reply.error.error : 0;
}

static int take_group(unsigned group)
{
    static const struct nfulnl_msg_config_cmd bind_command = {.command = NFULNL_CFG_CMD_BIND};
    struct nfulnl_msg_config_mode mode = {.copy_range = htonl(EVENT_PACKET_MAX),
                                          .copy_mode = NFULNL_COPY_PACKET};
    int error = configure_group(group, NFULA_CFG_CMD, &bind_command, sizeof(bind_command));

    return error ? error : configure_group(group, NFULA_CFG_MODE, &mode, sizeof(mode));
}

/* EPERM is also the answer to who may not configure any group. */
static bool is_taken(int error)
{
    return error == EBUSY || error == EPERM;
}

static bool rule_uses_group(const struct ruleset *rules, unsigned group)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];

        if ((rule->action == RULE_TEE || rule->action == RULE_DIVERT) && rule->argument == group)
            return true;
    }
    return false;
}

bool events_needed(const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];

        if (rule->log || (rule->action == RULE_DENY && rule->answer.kind != ANSWER_NONE))
            return true;
    }
    return false;
}

unsigned events_open(const struct ruleset *rules, uint32_t mark_mask)
{
    int error = EBUSY;

    event_socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (event_socket < 0)
        error = errno;
    for (unsigned i = 0; event_socket >= 0 && is_taken(error) && i < GROUPS_TRIED; i++) {
        unsigned group = EVENT_GROUP_MAX - i;

        error = rule_uses_group(rules, group) ? EBUSY : take_group(group);
        if (!error) {
            answer_open(mark_mask);
            return group;
        }
    }
    message_warning("log will write no lines; reject, unreach and reset will not answer: NFLOG: %s",
                    strerror(error));
    close(event_socket);
    event_socket = -1;
    return 0;
}

int events_fd(void)
{
    return event_socket;
}

/* The parts of a message. */
struct message_parts {
    struct told_packet packet;
    unsigned hook, in, out;
    const char *prefix;
};

static unsigned number_of(const uint8_t *value)
{
    uint32_t number;

    memcpy(&number, value, sizeof(number));
    return ntohl(number);
}

static void read_attribute(unsigned type, const uint8_t *value, size_t len,
                           struct message_parts *parts)
{
    if (type == NFULA_PAYLOAD) {
        parts->packet.bytes = value;
        parts->packet.len = len;
    } else if (type == NFULA_PREFIX && len && !value[len - 1]) {
        parts->prefix = (const char *)value;
    } else if (type == NFULA_HWHEADER && len >= ETH_HLEN) {
        parts->packet.to_many = value[0] & 1;
    } else if (type == NFULA_PACKET_HDR && len >= 3) {
        parts->hook = value[2];
    } else if (type == NFULA_IFINDEX_INDEV && len >= 4) {
        parts->in = number_of(value);
    } else if (type == NFULA_IFINDEX_OUTDEV && len >= 4) {
        parts->out = number_of(value);
    }
}

static void read_parts(const uint8_t *bytes, size_t len, struct message_parts *parts)
{
    struct nlattr attribute;

    for (size_t at = 0; at + NLA_HDRLEN <= len; at += NLA_ALIGN(attribute.nla_len)) {
        memcpy(&attribute, bytes + at, sizeof(attribute));
        if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > len)
            return;
        read_attribute(attribute.nla_type & NLA_TYPE_MASK, bytes + at + NLA_HDRLEN,
                       attribute.nla_len - (size_t)NLA_HDRLEN, parts);
    }
}

static void handle_message(const struct nlmsghdr *message)
{
    const size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
    struct message_parts parts = {0};
    struct headers h;
    struct event event;

    if (message->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) ||
        message->nlmsg_len < head)
        return;
    read_parts((const uint8_t *)message + head, message->nlmsg_len - head, &parts);
    parts.packet.incoming = parts.hook == NF_INET_PRE_ROUTING;
    parts.packet.interface = parts.packet.incoming ? parts.in : parts.out;
    if (!parts.prefix || !event_read(parts.prefix, &event) || !headers_read(&parts.packet, &h))
        return;
    if (event.kind == EVENT_ANSWER)
        answer_send(&event.answer, &parts.packet, &h);
    else
        log_packet(&event, &parts.packet, &h);
}

/* A datagram may hold several messages. Those that did not fit into the buffer are lost. */
void events_handle(void)
{
    union {
        struct nlmsghdr head;
        uint8_t bytes[MESSAGE_MAX];
    } buffer;

    for (int i = 0; i < BATCH; i++) {
        ssize_t len = recv(event_socket, &buffer, sizeof(buffer), MSG_DONTWAIT);
        size_t at = 0;

        if (len < 0 && errno != ENOBUFS)
            return;
        while (len > 0 && at + sizeof(struct nlmsghdr) <= (size_t)len) {
            const struct nlmsghdr *message = (const struct nlmsghdr *)(buffer.bytes + at);

            if (message->nlmsg_len < sizeof(*message) || at + message->nlmsg_len > (size_t)len)
                break;
            handle_message(message);
            at += NLMSG_ALIGN(message->nlmsg_len);
        }
    }
}
