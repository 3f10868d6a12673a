/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues for kernels whose nf_tables has no `queue` statement, but can call iptables' NFQUEUE
 * target (CONFIG_NFT_COMPAT). nft(8) has no words for that, so each queue gets a chain of one rule
 * that is made here, by netlink, and the text for nft jumps to it.
 */
#include "nft/private.h"
#include "util/owner.h"
#include "util/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_SIZE     512 /* bytes of the longest, a rule */
#define NFQUEUE_REVISION 3

/* Messages that the kernel applies all at once or not at all. */
struct batch {
    char *bytes;
    size_t len;
    uint32_t messages;
};

static struct nlmsghdr *batch_message(struct batch *batch, uint16_t type, uint16_t flags,
                                      uint8_t family, uint16_t resource)
{
    struct nlmsghdr *head;
    struct nfgenmsg *body;

    batch->bytes = grow_array(batch->bytes, batch->len + MESSAGE_SIZE, 1);
    head = mnl_nlmsg_put_header(batch->bytes + batch->len);
    head->nlmsg_type = type;
    head->nlmsg_flags = NLM_F_REQUEST | flags;
    head->nlmsg_seq = batch->messages++;
    body = mnl_nlmsg_put_extra_header(head, sizeof(*body));
    *body = (struct nfgenmsg){family, NFNETLINK_V0, htons(resource)};
    return head;
}

static struct nlmsghdr *batch_table_message(struct batch *batch, unsigned type, uint16_t flags)
{
    return batch_message(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, NFPROTO_INET,
                         0);
}

static void batch_add(struct batch *batch, const struct nlmsghdr *head)
{
    batch->len += NLMSG_ALIGN(head->nlmsg_len);
}

static void batch_add_border(struct batch *batch, uint16_t type)
{
    batch_add(batch, batch_message(batch, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static void batch_add_table(struct batch *batch, const char *table, bool owned)
{
    struct nlmsghdr *head = batch_table_message(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);

    mnl_attr_put_strz(head, NFTA_TABLE_NAME, table);
    if (owned)
        mnl_attr_put_u32(head, NFTA_TABLE_FLAGS, htonl(NFT_TABLE_F_OWNER));
    batch_add(batch, head);
}

static void batch_add_chain(struct batch *batch, const char *table, const char *chain)
{
    struct nlmsghdr *head = batch_table_message(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);

    mnl_attr_put_strz(head, NFTA_CHAIN_TABLE, table);
    mnl_attr_put_strz(head, NFTA_CHAIN_NAME, chain);
    batch_add(batch, head);
}

static void put_nfqueue_target(struct nlmsghdr *head, const struct xt_NFQ_info_v3 *info)
{
    struct nlattr *data;
    union {
        struct xt_NFQ_info_v3 info;
        uint64_t aligned; /* the kernel wants an aligned size */
    } padded = {.aligned = 0};

    padded.info = *info;
    mnl_attr_put_strz(head, NFTA_EXPR_NAME, "target");
    data = mnl_attr_nest_start(head, NFTA_EXPR_DATA);
    mnl_attr_put_strz(head, NFTA_TARGET_NAME, "NFQUEUE");
    mnl_attr_put_u32(head, NFTA_TARGET_REV, htonl(NFQUEUE_REVISION));
    mnl_attr_put(head, NFTA_TARGET_INFO, sizeof(padded), &padded);
    mnl_attr_nest_end(head, data);
}

static void batch_add_rule(struct batch *batch, const char *table, const char *chain,
                           unsigned queue, unsigned queues)
{
    const struct xt_NFQ_info_v3 info = {(uint16_t)queue, (uint16_t)queues, 0};
    struct nlmsghdr *head =
        batch_table_message(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    struct nlattr *list, *element;

    mnl_attr_put_strz(head, NFTA_RULE_TABLE, table);
    mnl_attr_put_strz(head, NFTA_RULE_CHAIN, chain);
    list = mnl_attr_nest_start(head, NFTA_RULE_EXPRESSIONS);
    element = mnl_attr_nest_start(head, NFTA_LIST_ELEM);
    put_nfqueue_target(head, &info);
    mnl_attr_nest_end(head, element);
    mnl_attr_nest_end(head, list);
    batch_add(batch, head);
}

static void batch_delete_table(struct batch *batch, const char *table)
{
    struct nlmsghdr *head = batch_table_message(batch, NFT_MSG_DELTABLE, 0);

    mnl_attr_put_strz(head, NFTA_TABLE_NAME, table);
    batch_add(batch, head);
}

/* Reads answers until there are none left. Returns the first error, or 0. */
static int read_answers(int fd)
{
    _Alignas(struct nlmsghdr) char answer[2048];
    int error = 0, flags = 0;
    ssize_t len;

    for (; (len = recv(fd, answer, sizeof(answer), flags)) >= 0; flags = MSG_DONTWAIT) {
        const struct nlmsghdr *head = (const void *)answer;
        const struct nlmsgerr *body = mnl_nlmsg_get_payload(head);

        if (!error && mnl_nlmsg_ok(head, (int)len) && head->nlmsg_type == NLMSG_ERROR)
            error = -body->error;
    }
    return flags ? error : errno;
}

/*
 * Sends the batch and frees it. The table's message is acknowledged, the others are answered only
 * on error. 0, or errno.
 */
static int batch_commit(struct batch *batch, int fd)
{
    int error = send(fd, batch->bytes, batch->len, 0) < 0 ? errno : 0;

    free(batch->bytes);
    *batch = (struct batch){0};
    return error ? error : read_answers(fd);
}

static int open_nfnetlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
}

bool nft_try_xt_queue(struct text *why)
{
    struct batch batch = {0};
    struct text table = {0};
    int fd = open_nfnetlink(), error = errno;
    char id[5];

    if (fd >= 0) {
        owner_new_id(id);
        text_add(&table, "divert_probe_%s", id);
        batch_add_border(&batch, NFNL_MSG_BATCH_BEGIN);
        batch_add_table(&batch, text_str(&table), false);
        batch_add_chain(&batch, text_str(&table), "c");
        batch_add_rule(&batch, text_str(&table), "c", 1, 1);
        batch_delete_table(&batch, text_str(&table));
        batch_add_border(&batch, NFNL_MSG_BATCH_END);
        error = batch_commit(&batch, fd);
        close(fd);
    }
    if (error)
        text_add(why, "%s", strerror(error));
    text_free(&table);
    return !error;
}

static void add_queues(struct batch *batch, const char *table, const struct ruleset *rules,
                       unsigned listeners)
{
    bool *seen = grow_array(NULL, 65536, sizeof(*seen));

    memset(seen, 0, 65536 * sizeof(*seen));
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = rules->rules[i];
        struct text chain = {0};

        if (rule->action != RULE_DIVERT || seen[rule->argument])
            continue;
        seen[rule->argument] = true;
        text_add(&chain, "queue-%u", rule->argument);
        batch_add_chain(batch, table, text_str(&chain));
        batch_add_rule(batch, table, text_str(&chain), rule->argument, listeners);
        text_free(&chain);
    }
    free(seen);
}

int nft_install_xt_queues(int socket, const struct ruleset *rules,
                          const struct filter_options *options)
{
    struct batch batch = {0};
    struct text table = {0};
    int fd = socket >= 0 ? socket : open_nfnetlink(), error;

    if (fd < 0)
        return errno;
    text_add(&table, "divert_%s", options->id);
    batch_add_border(&batch, NFNL_MSG_BATCH_BEGIN);
    batch_add_table(&batch, text_str(&table), socket >= 0);
    add_queues(&batch, text_str(&table), rules, options->listeners);
    batch_add_border(&batch, NFNL_MSG_BATCH_END);
    error = batch_commit(&batch, fd);
    if (fd != socket)
        close(fd);
    text_free(&table);
    return error;
}
