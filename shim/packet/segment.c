/* SPDX-License-Identifier: BSD-2-Clause */
/* Segmentation: cutting GSO packets into those that they were made of. */
#include "packet/packet.h"

#include "packet/bytes.h"
#include "packet/private.h"

#include <netinet/in.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>

#define TCP_HEADER 20   /* bytes, without options */
#define TH_CWR     0x80 /* congestion window reduced: netinet/tcp.h has no name for it */

/* Where a packet is cut. */
struct seams {
    struct packet_layout layout;
    size_t total; /* bytes of the whole packet */
    size_t head;  /* bytes of all headers, which every segment has */
    size_t room;  /* bytes of payload in a segment, but for the last */
};

static bool lay_out_whole(const uint8_t *p, size_t len, struct packet_layout *l, size_t *total)
{
    return packet_check(p, len, total) == 0 && packet_lay_out(p, *total, l) && l->complete;
}

static bool has_tcp(const struct packet_layout *l)
{
    return l->protocol == IPPROTO_TCP && l->payload - l->transport >= TCP_HEADER;
}

bool packet_is_tcp(const void *packet, size_t len)
{
    struct packet_layout l;
    size_t total;

    return lay_out_whole(packet, len, &l, &total) && has_tcp(&l);
}

/*
 * A UDP packet whose checksum is still partial stands for several datagrams; others are one
 * datagram that is to be fragmented.
 */
static bool has_datagrams(const uint8_t *p, size_t total, const struct packet_layout *l)
{
    return l->protocol == IPPROTO_UDP && packet_transport_checksum_is_partial(p, total, l);
}

static bool find_seams(const uint8_t *p, size_t len, size_t mtu, struct seams *s)
{
    const struct packet_layout *l = &s->layout;

    if (!lay_out_whole(p, len, &s->layout, &s->total) || s->total <= mtu || l->payload >= mtu)
        return false;
    s->head = l->payload;
    s->room = mtu - s->head;
    return has_tcp(l) || has_datagrams(p, s->total, l);
}

unsigned packet_segment_count(const void *packet, size_t len, size_t mtu)
{
    struct seams s;

    if (!find_seams(packet, len, mtu, &s))
        return 1;
    return (unsigned)((s.total - s.head + s.room - 1) / s.room);
}

/* Sets the length and the id, as if the packets had been sent one after the other. */
static void number_ip_header(uint8_t *p, size_t len, unsigned number)
{
    if (packet_version(p, 1) == 6) {
        store16(p + 4, (uint16_t)(len - sizeof(struct ip6_hdr)));
        return;
    }
    store16(p + 2, (uint16_t)len);
    store16(p + 4, (uint16_t)(load16(p + 4) + number));
    packet_header_checksum_fix(p);
}

/* CWR is only set in the first segment; FIN and PSH only in the last. */
static void number_tcp_header(uint8_t *tcp, size_t offset, bool last)
{
    uint8_t *flags = tcp + offsetof(struct tcphdr, th_flags);

    store32(tcp + 4, load32(tcp + 4) + (uint32_t)offset);
    if (offset > 0)
        *flags &= (uint8_t)~TH_CWR;
    if (!last)
        *flags &= (uint8_t) ~(TH_FIN | TH_PUSH);
}

size_t packet_segment(const void *packet, size_t len, size_t mtu, unsigned number, void *out)
{
    const uint8_t *p = packet;
    uint8_t *segment = out, *transport;
    size_t offset, n;
    struct seams s;

    if (!find_seams(p, len, mtu, &s))
        return 0;
    offset = number * s.room;
    n = s.total - s.head - offset;
    n = n < s.room ? n : s.room;
    memcpy(segment, p, s.head);
    memcpy(segment + s.head, p + s.head + offset, n);
    number_ip_header(segment, s.head + n, number);
    transport = segment + s.layout.transport;
    if (s.layout.protocol == IPPROTO_TCP)
        number_tcp_header(transport, offset, s.head + offset + n == s.total);
    else
        store16(transport + 4, (uint16_t)(s.head + n - s.layout.transport));
    packet_transport_checksum_fix(segment, s.head + n);
    return s.head + n;
}
