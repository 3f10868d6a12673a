/* SPDX-License-Identifier: BSD-2-Clause */
/* NFQUEUE: binding queues, taking packets out of them, giving verdicts. */
#include "nfq.h"

#include "nflog.h"
#include "real.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <stdatomic.h>
#include <string.h>

#define PACKET_BUFFER 4096 /* what the kernel accounts for a queued packet of ordinary size */
#define BUFFER_MAX    (512u << 20)

#define AT_ONCE (256 * 1024) /* bytes that are in the cache still when the program reads them */

#define IDS_AHEAD (1u << 30) /* of any id in use lie all others, and none behind */

static void make_room(int fd, uint32_t queue_len)
{
    uint64_t want = (uint64_t)queue_len * PACKET_BUFFER;
    int bytes = (int)(want < BUFFER_MAX ? want : BUFFER_MAX);

    if (real.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
        real.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

/*
 * Until it is told to copy packets, the kernel drops what it has for the queue: so no packet comes
 * between us and the answer to the binding.
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
    default: /* nobody knows how far it came */
        nfqueue_unbind(fd, queue);
        return err;
    }
}

/* What one system call fills. */
struct messages {
    struct mmsghdr message[NFQUEUE_SLOTS];
    struct iovec iov[NFQUEUE_SLOTS];
};

/*
 * The attributes by type, as nfq_nlmsg_parse(3) gives them, without its calls for each. None is
 * shorter than a number.
 */
static void find_attributes(const struct nlmsghdr *nlh, const struct nlattr *attr[NFQA_MAX + 1])
{
    const uint8_t *at = (const uint8_t *)nlh + NLMSG_LENGTH(sizeof(struct nfgenmsg));
    const uint8_t *end = (const uint8_t *)nlh + nlh->nlmsg_len;

    while (end - at >= (ptrdiff_t)sizeof(struct nlattr)) {
        const struct nlattr *a = (const struct nlattr *)(const void *)at;
        unsigned type = a->nla_type & NLA_TYPE_MASK;

        if (a->nla_len < sizeof(*a) || a->nla_len > end - at)
            return;
        if (type <= NFQA_MAX && a->nla_len >= sizeof(*a) + sizeof(uint32_t))
            attr[type] = a;
        at += NLA_ALIGN(a->nla_len);
    }
}

static void locate(struct nfqueue_ring *ring, const struct nlattr *payload,
                   struct nfqueue_packet *p)
{
    p->at = (uint32_t)((uint8_t *)mnl_attr_get_payload(payload) - (uint8_t *)ring->slot);
    p->len = mnl_attr_get_payload_len(payload);
}

static bool parse_packet(struct nfqueue_ring *ring, const struct nlmsghdr *nlh,
                         struct nfqueue_packet *p)
{
    const struct nlattr *attr[NFQA_MAX + 1] = {0};
    const struct nfgenmsg *family = mnl_nlmsg_get_payload(nlh);
    const struct nfqnl_msg_packet_hdr *header;
    uint32_t info;

    find_attributes(nlh, attr);
    if (!attr[NFQA_PACKET_HDR] || !attr[NFQA_PAYLOAD] ||
        mnl_attr_get_payload_len(attr[NFQA_PACKET_HDR]) < sizeof(*header))
        return false;
    header = mnl_attr_get_payload(attr[NFQA_PACKET_HDR]);
    p->is_tee = false;
    p->id = ntohl(header->packet_id);
    p->queue = ntohs(family->res_id);
    p->hook = header->hook;
    p->family = ntohs(header->hw_protocol) == ETH_P_IPV6 ? AF_INET6 : AF_INET;
    info = nfnetlink_number(attr[NFQA_SKB_INFO]);
    p->gso = info & NFQA_SKB_GSO;
    p->no_checksum = info & NFQA_SKB_CSUMNOTREADY;
    p->mark = nfnetlink_number(attr[NFQA_MARK]);
    p->indev = nfnetlink_number(attr[NFQA_IFINDEX_INDEV]);
    p->outdev = nfnetlink_number(attr[NFQA_IFINDEX_OUTDEV]);
    locate(ring, attr[NFQA_PAYLOAD], p);
    ring->last_id = p->id;
    return true;
}

static void note_error(struct nfqueue_ring *ring, const struct nlmsghdr *nlh)
{
    const struct nlmsgerr *answer = NLMSG_DATA(nlh);

    if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*answer)) || answer->error != -EPERM)
        return;
    if (ring->refused++ == 0)
        log_line(LOG_WARN, "the kernel takes no verdicts from this process: it gave up "
                           "CAP_NET_ADMIN, which NFQUEUE asks for at every packet");
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

/*
 * How many messages to ask for: twice as many as came before. Under load that soon is a whole ring;
 * and a packet that comes alone is not held up by preparations for others. Of large ones fewer.
 */
static unsigned expected(const struct nfqueue_ring *ring)
{
    unsigned room = nfqueue_ring_room(ring), count = ring->came > 0 ? ring->came * 2 : 2;
    unsigned at_once =
        ring->size > AT_ONCE / NFQUEUE_SLOTS ? AT_ONCE / ring->size + 1 : NFQUEUE_SLOTS;

    count = count < at_once ? count : at_once;
    return count < room ? count : room;
}

static uint32_t mean_size(const struct messages *m, int count)
{
    uint32_t bytes = 0;

    for (int i = 0; i < count; i++)
        bytes += m->message[i].msg_len;
    return bytes / (uint32_t)count;
}

/* One system call. Returns how many messages came, 0 for none, or -errno. */
static int receive(int fd, struct nfqueue_ring *ring, struct messages *m)
{
    unsigned count = expected(ring);
    int n;

    for (unsigned i = 0; i < count; i++) {
        m->iov[i] = (struct iovec){ring->slot[ring->used + i], NFQUEUE_SLOT_SIZE};
        m->message[i].msg_hdr = (struct msghdr){.msg_iov = &m->iov[i], .msg_iovlen = 1};
    }
    n = real.recvmmsg(fd, m->message, count, MSG_DONTWAIT, NULL);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
}

int nfqueue_fill(int fd, struct nfqueue_ring *ring)
{
    struct messages m;
    uint32_t before;

    nfqueue_ring_turn(ring);
    before = ring->end;
    while (ring->end == before && nfqueue_ring_room(ring)) {
        int n = receive(fd, ring, &m);

        if (n <= 0)
            return n;
        ring->used += (uint32_t)n;
        ring->came = (uint32_t)n;
        ring->size = mean_size(&m, n);
        for (int i = 0; i < n; i++) {
            if (parse_message(ring, &m.message[i], &ring->packet[ring->end]))
                ring->end++;
        }
        if (ring->end == ring->base)
            ring->used = ring->base; /* there was no packet among them */
    }
    return (int)(ring->end - before);
}

/* A verdict as it goes to the kernel; the payload's attribute stands last and may be left out. */
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
    .header = {.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT,
               .nlmsg_flags = NLM_F_REQUEST},
    .family = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0},
    .verdict_attr = {.nla_len = MNL_ATTR_HDRLEN + sizeof(struct nfqnl_msg_verdict_hdr),
                     .nla_type = NFQA_VERDICT_HDR},
    .mark_attr = {.nla_len = MNL_ATTR_HDRLEN + sizeof(uint32_t), .nla_type = NFQA_MARK},
    .payload_attr = {.nla_type = NFQA_PAYLOAD},
};

/* Fills all but the payload's bytes; returns how many bytes go before those. */
static size_t fill_verdict(struct verdict_message *m, const struct nfqueue_verdict *v)
{
    size_t head = v->payload ? sizeof(*m) : offsetof(struct verdict_message, payload_attr);

    *m = verdict_template;
    m->header.nlmsg_len = (uint32_t)(head + (v->payload ? MNL_ALIGN(v->len) : 0));
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
 * A message counts from the moment that its length is there: the thread may be interrupted between
 * any two instructions, and the batch be sent as it is then.
 */
static void put_length(struct nfqueue_batch *batch, uint32_t at, uint32_t len)
{
    atomic_signal_fence(memory_order_seq_cst);
    *(volatile uint32_t *)(void *)(batch->bytes + at) = len;
    atomic_signal_fence(memory_order_seq_cst);
}

int nfqueue_put_verdict(int fd, struct nfqueue_batch *batch, const struct nfqueue_verdict *v)
{
    struct verdict_message m;
    size_t head = fill_verdict(&m, v);
    uint8_t *at;
    int err = 0;

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
    uint32_t len = batch->used;
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
