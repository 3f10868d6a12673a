/* SPDX-License-Identifier: BSD-2-Clause */
/* NFQUEUE: binding queues, taking packets out of them, giving verdicts. */
#include "nfq.h"

#include "nflog.h"
#include "real.h"
#include "util/log.h"

/* The library's own copy of this header is deprecated, and newer ones warn of it. */
#include <linux/netfilter/nfnetlink_queue.h>

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <stdatomic.h>
#include <string.h>

#define PACKET_BUFFER 4096 /* bytes the kernel accounts for an ordinary message */
#define BUFFER_MAX    (512u << 20)

#define AT_ONCE (256 * 1024) /* bytes that are still in the cache when the program reads them */

#define IDS_AHEAD (1u << 30) /* no id in use is further ahead of another */

static void make_room(int fd, uint32_t queue_len)
{
    uint64_t want = (uint64_t)queue_len * PACKET_BUFFER;
    int bytes = (int)(want < BUFFER_MAX ? want : BUFFER_MAX);

    if (real.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
        real.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

/*
 * Until nfqueue_start() the kernel drops the queue's packets, so none comes between us and the
 * answer to this request.
 */
static int bind_queue(int fd, uint16_t queue)
{
    char buf[128] __attribute__((aligned(MNL_ALIGNTO))) = {0};
    struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue);

    nfq_nlmsg_cfg_put_cmd(nlh, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    return nfnetlink_request(fd, nlh);
}

int nfqueue_set_gso(int fd, uint16_t queue, bool on)
{
    char buf[128] __attribute__((aligned(MNL_ALIGNTO))) = {0};
    struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue);

    mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, htonl(on ? NFQA_CFG_F_GSO : 0));
    mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
    return nfnetlink_send(fd, nlh);
}

int nfqueue_unbind(int fd, uint16_t queue)
{
    char buf[128] __attribute__((aligned(MNL_ALIGNTO))) = {0};
    struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue);

    nfq_nlmsg_cfg_put_cmd(nlh, AF_UNSPEC, NFQNL_CFG_CMD_UNBIND);
    return nfnetlink_send(fd, nlh);
}

int nfqueue_start(int fd, uint16_t queue, uint32_t queue_len)
{
    char buf[128] __attribute__((aligned(MNL_ALIGNTO))) = {0};
    struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue);

    nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_PACKET, 0xffff);
    nfq_nlmsg_cfg_put_qmaxlen(nlh, queue_len);
    make_room(fd, queue_len);
    return nfnetlink_send(fd, nlh);
}

int nfqueue_bind(int fd, uint16_t queue)
{
    int err = bind_queue(fd, queue);

    switch (err) {
    case 0:
        return 0;
    case -EPERM:
        return err;
    case -EBUSY:
        return -EADDRINUSE;
    case -EINVAL:
    case -EOPNOTSUPP:
        return -EOPNOTSUPP;
    default: /* it may have been bound all the same */
        nfqueue_unbind(fd, queue);
        return err;
    }
}

void nfqueue_lay_out(struct nfqueue_messages *m, struct nfqueue_ring *ring)
{
    for (unsigned i = 0; i < NFQUEUE_SLOTS * 2; i++) {
        m->iov[i] = (struct iovec){ring->slot[i], NFQUEUE_SLOT_SIZE};
        m->message[i].msg_hdr = (struct msghdr){.msg_iov = &m->iov[i], .msg_iovlen = 1};
    }
}

static void locate(struct nfqueue_ring *ring, const struct nlattr *payload,
                   struct nfqueue_packet *p)
{
    p->at = (uint32_t)((uint8_t *)mnl_attr_get_payload(payload) - (uint8_t *)ring->slot);
    p->len = mnl_attr_get_payload_len(payload);
}

static void take_header(const struct nlattr *attr, struct nfqueue_packet *p)
{
    const struct nfqnl_msg_packet_hdr *header = mnl_attr_get_payload(attr);

    p->id = ntohl(header->packet_id);
    p->hook = header->hook;
    p->family = ntohs(header->hw_protocol) == ETH_P_IPV6 ? AF_INET6 : AF_INET;
}

/* Reads an attribute, whose payload has at least 4 bytes. */
static void take_attribute(struct nfqueue_ring *ring, const struct nlattr *attr,
                           struct nfqueue_packet *p)
{
    switch (attr->nla_type & NLA_TYPE_MASK) {
    case NFQA_PACKET_HDR:
        if (mnl_attr_get_payload_len(attr) >= sizeof(struct nfqnl_msg_packet_hdr))
            take_header(attr, p);
        break;
    case NFQA_SKB_INFO:
        p->gso = nfnetlink_number(attr) & NFQA_SKB_GSO;
        p->no_checksum = nfnetlink_number(attr) & NFQA_SKB_CSUMNOTREADY;
        break;
    case NFQA_MARK:
        p->mark = nfnetlink_number(attr);
        break;
    case NFQA_IFINDEX_INDEV:
        p->indev = nfnetlink_number(attr);
        break;
    case NFQA_IFINDEX_OUTDEV:
        p->outdev = nfnetlink_number(attr);
        break;
    case NFQA_PAYLOAD:
        locate(ring, attr, p);
        break;
    default:
        break;
    }
}

/* As nfq_nlmsg_parse(3), without its calls for each attribute. Safe with any bytes. */
static bool parse_packet(struct nfqueue_ring *ring, const struct nlmsghdr *nlh,
                         struct nfqueue_packet *p)
{
    const struct nfgenmsg *family = mnl_nlmsg_get_payload(nlh);
    const uint8_t *at = (const uint8_t *)nlh + NLMSG_LENGTH(sizeof(*family));
    const uint8_t *end = (const uint8_t *)nlh + nlh->nlmsg_len;

    if (end < at)
        return false;
    *p = (struct nfqueue_packet){.queue = ntohs(family->res_id)};
    while (end - at >= (ptrdiff_t)sizeof(struct nlattr)) {
        const struct nlattr *attr = (const struct nlattr *)(const void *)at;

        if (attr->nla_len < sizeof(*attr) || attr->nla_len > end - at)
            break;
        if (attr->nla_len >= sizeof(*attr) + sizeof(uint32_t))
            take_attribute(ring, attr, p);
        at += NLA_ALIGN(attr->nla_len);
    }
    if (!p->family || !p->len)
        return false;
    ring->last_id = p->id;
    return true;
}

static void note_error(struct nfqueue_ring *ring, const struct nlmsghdr *nlh)
{
    const struct nlmsgerr *answer = NLMSG_DATA(nlh);

    if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*answer)) || answer->error != -EPERM)
        return;
    if (ring->refused++ == 0)
        log_line(LOG_WARN, "the kernel refuses verdicts from this process: it gave up "
                           "CAP_NET_ADMIN, which NFQUEUE requires for every packet");
}

static bool parse_message(struct nfqueue_ring *ring, const struct mmsghdr *m,
                          struct nfqueue_packet *p)
{
    const struct nlmsghdr *nlh = m->msg_hdr.msg_iov->iov_base;
    const struct nlattr *payload;

    if (m->msg_len < NLMSG_HDRLEN || nlh->nlmsg_len > m->msg_len ||
        (m->msg_hdr.msg_flags & MSG_TRUNC))
        return false;
    if (nlh->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
        return parse_packet(ring, nlh, p);
    if (nlh->nlmsg_type == NLMSG_ERROR)
        note_error(ring, nlh);
    if (!nflog_parse(nlh, p, &payload))
        return false;
    locate(ring, payload, p);
    return true;
}

/* How many messages to ask for: fewer if they are large. */
static unsigned at_once(const struct nfqueue_ring *ring)
{
    unsigned room = nfqueue_ring_room(ring);
    unsigned count =
        ring->size > AT_ONCE / NFQUEUE_SLOTS ? AT_ONCE / ring->size + 1 : NFQUEUE_SLOTS;

    return count < room ? count : room;
}

static uint32_t mean_size(const struct mmsghdr *m, int count)
{
    uint32_t bytes = 0;

    for (int i = 0; i < count; i++)
        bytes += m[i].msg_len;
    return bytes / (uint32_t)count;
}

/* Makes one system call. Returns how many messages came, 0 for none, or -errno. */
static int receive(int fd, const struct nfqueue_ring *ring, struct mmsghdr *m)
{
    int n = real.recvmmsg(fd, m, at_once(ring), MSG_DONTWAIT, NULL);

    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
}

int nfqueue_fill(int fd, struct nfqueue_ring *ring, struct nfqueue_messages *messages)
{
    uint32_t before;

    nfqueue_ring_turn(ring);
    before = ring->end;
    while (ring->end == before && nfqueue_ring_room(ring)) {
        struct mmsghdr *m = &messages->message[ring->used];
        int n = receive(fd, ring, m);

        if (n <= 0)
            return n;
        ring->used += (uint32_t)n;
        ring->size = mean_size(m, n);
        for (int i = 0; i < n; i++) {
            if (parse_message(ring, &m[i], &ring->packet[ring->end]))
                ring->end++;
        }
        if (ring->end == ring->base)
            ring->used = ring->base; /* none of them was a packet */
    }
    return (int)(ring->end - before);
}

/* A verdict message; the payload attribute comes last and may be left out. */
struct verdict_message {
    struct nlmsghdr header;
    struct nfgenmsg family;
    struct nlattr verdict_attr;
    struct nfqnl_msg_verdict_hdr verdict;
    struct nlattr mark_attr;
    uint32_t mark;
    struct nlattr payload_attr;
};

static const struct verdict_message verdict_template = {
    .header = {.nlmsg_flags = NLM_F_REQUEST},
    .family = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0},
    .verdict_attr = {.nla_len = MNL_ATTR_HDRLEN + sizeof(struct nfqnl_msg_verdict_hdr),
                     .nla_type = NFQA_VERDICT_HDR},
    .mark_attr = {.nla_len = MNL_ATTR_HDRLEN + sizeof(uint32_t), .nla_type = NFQA_MARK},
    .payload_attr = {.nla_type = NFQA_PAYLOAD},
};

static uint16_t message_type(const struct nfqueue_verdict *v)
{
    bool batch = v->none_before && !v->payload;

    return NFNL_SUBSYS_QUEUE << 8 | (batch ? NFQNL_MSG_VERDICT_BATCH : NFQNL_MSG_VERDICT);
}

/* Fills in all but the payload; returns how many bytes come before it. */
static size_t fill_verdict(struct verdict_message *m, const struct nfqueue_verdict *v)
{
    size_t head = v->payload ? sizeof(*m) : offsetof(struct verdict_message, payload_attr);

    *m = verdict_template;
    m->header.nlmsg_len = (uint32_t)(head + (v->payload ? MNL_ALIGN(v->len) : 0));
    m->header.nlmsg_type = message_type(v);
    m->family.res_id = htons(v->queue);
    m->verdict.verdict = htonl((uint32_t)v->verdict);
    m->verdict.id = htonl(v->id);
    m->mark = htonl(v->mark);
    m->payload_attr.nla_len = (uint16_t)(MNL_ATTR_HDRLEN + v->len);
    return head;
}

static int send_alone(int fd, const struct verdict_message *m, const struct nfqueue_verdict *v)
{
    static const char padding[MNL_ALIGNTO];
    struct iovec iov[] = {
        {(void *)m, sizeof(*m)},
        {(void *)v->payload, v->len},
        {(void *)padding, MNL_ALIGN(v->len) - v->len},
    };

    return nfnetlink_send_pieces(fd, iov, 3);
}

/*
 * A message becomes valid when its length is written: the thread may be interrupted between any two
 * instructions, and the batch sent as it is then.
 */
static void put_length(struct nfqueue_batch *batch, uint32_t at, uint32_t len)
{
    atomic_signal_fence(memory_order_seq_cst);
    *(volatile uint32_t *)(void *)(batch->bytes + at) = len;
    atomic_signal_fence(memory_order_seq_cst);
}

/*
 * Extends the last message to one more packet, if that gets the same verdict. It is valid with
 * either id: the thread may be interrupted here, too.
 */
static bool extend_last(struct nfqueue_batch *batch, const struct nfqueue_verdict *v)
{
    struct verdict_message *last = (struct verdict_message *)(void *)(batch->bytes + batch->last);

    if (!batch->used || !v->none_before || v->payload ||
        last->header.nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH) ||
        last->family.res_id != htons(v->queue) || last->mark != htonl(v->mark) ||
        last->verdict.verdict != htonl((uint32_t)v->verdict) ||
        !nfqueue_id_after(v->id, ntohl(last->verdict.id)))
        return false;
    *(volatile uint32_t *)&last->verdict.id = htonl(v->id);
    return true;
}

int nfqueue_put_verdict(int fd, struct nfqueue_batch *batch, const struct nfqueue_verdict *v)
{
    struct verdict_message m;
    size_t head;
    uint8_t *at;
    int err = 0;

    if (extend_last(batch, v))
        return 0;
    head = fill_verdict(&m, v);
    if (m.header.nlmsg_len > NFQUEUE_BATCH_SIZE - batch->used)
        err = nfqueue_flush(fd, batch);
    if (err)
        return err;
    if (m.header.nlmsg_len > NFQUEUE_BATCH_SIZE)
        return send_alone(fd, &m, v);
    batch->last = batch->used;
    at = batch->bytes + batch->used;
    batch->used += m.header.nlmsg_len;
    put_length(batch, batch->used, 0);
    memcpy(at + sizeof(uint32_t), (uint8_t *)&m + sizeof(uint32_t), head - sizeof(uint32_t));
    if (v->payload)
        memcpy(at + head, v->payload, v->len);
    put_length(batch, (uint32_t)(at - batch->bytes), m.header.nlmsg_len);
    return 0;
}

void nfqueue_forget(struct nfqueue_batch *batch)
{
    batch->used = batch->last = 0;
    put_length(batch, 0, 0);
}

void nfqueue_keep_last(struct nfqueue_batch *batch)
{
    uint8_t *last = batch->bytes + batch->last;
    uint32_t len = batch->used - batch->last, head = sizeof(uint32_t);

    if (!batch->last || !batch->used)
        return;
    put_length(batch, 0, 0);
    memmove(batch->bytes + head, last + head, len - head);
    put_length(batch, len, 0);
    put_length(batch, 0, len);
    batch->used = len;
    batch->last = 0;
}

int nfqueue_flush(int fd, struct nfqueue_batch *batch)
{
    uint32_t len = batch->used, last = batch->last;
    int err;

    if (!len)
        return 0;
    memcpy(batch->sent, batch->bytes, len);
    batch->sent_len = len;
    nfqueue_forget(batch);
    err = nfnetlink_send_bytes(fd, batch->sent, len);
    if (err) {
        memcpy(batch->bytes + sizeof(uint32_t), batch->sent + sizeof(uint32_t),
               len - sizeof(uint32_t));
        batch->used = len;
        batch->last = last;
        put_length(batch, len, 0);
        put_length(batch, 0, ((const struct nlmsghdr *)(const void *)batch->sent)->nlmsg_len);
    }
    batch->sent_len = 0;
    return err;
}

void nfqueue_flush_twice(int fd, const struct nfqueue_batch *batch)
{
    if (batch->sent_len)
        real.send(fd, batch->sent, batch->sent_len, MSG_DONTWAIT);
    if (batch->used)
        real.send(fd, batch->bytes, sizeof(batch->bytes), MSG_DONTWAIT);
}

int nfqueue_drop_up_to(int fd, uint16_t queue, uint32_t last_id)
{
    char buf[128] __attribute__((aligned(MNL_ALIGNTO))) = {0};
    struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_VERDICT_BATCH, queue);

    nfq_nlmsg_verdict_put(nlh, (int)last_id, NF_DROP);
    return nfnetlink_send(fd, nlh);
}

int nfqueue_drop_all(int fd, uint16_t queue, uint32_t some_id)
{
    return nfqueue_drop_up_to(fd, queue, some_id + IDS_AHEAD);
}

int nfqueue_stop(int fd, uint16_t queue, uint32_t last_id)
{
    char buf[128] __attribute__((aligned(MNL_ALIGNTO))) = {0};
    struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue);
    int err;

    nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_NONE, 0);
    err = nfnetlink_send(fd, nlh);
    return err ? err : nfqueue_drop_all(fd, queue, last_id);
}
