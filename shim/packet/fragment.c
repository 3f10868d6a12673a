/* SPDX-License-Identifier: BSD-2-Clause */
/* Cutting packets to the MTU: RFC 791, RFC 8200. */
#include "packet/packet.h"

#include "packet/bytes.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

/*
 * Makes the header of fragments after the first: options whose copied bit is clear are left out
 * (RFC 791). Returns its length.
 */
static size_t later_fragment_header(const uint8_t *packet, uint8_t *out)
{
    size_t header = ipv4_header_len(packet), in = sizeof(struct iphdr), used = in;

    memcpy(out, packet, in);
    while (in < header && packet[in] != IPOPT_EOL) {
        size_t len = packet[in] == IPOPT_NOP ? 1 : (in + 1 < header ? packet[in + 1] : 0);

        if (len == 0 || (packet[in] != IPOPT_NOP && len < 2) || in + len > header)
            break;
        if (IPOPT_COPIED(packet[in])) {
            memcpy(out + used, packet + in, len);
            used += len;
        }
        in += len;
    }
    while (used % 4)
        out[used++] = IPOPT_EOL;
    out[0] = (uint8_t)(4 << 4 | used / 4);
    return used;
}

static int fragment_ipv4(const uint8_t *p, size_t mtu, uint8_t *f,
                         int (*emit)(void *arg, const void *fragment, size_t len), void *arg)
{
    size_t header = ipv4_header_len(p), at = header, total = load16(p + 2), out_header = header;
    uint16_t base = load16(p + 6);

    if (mtu < header + 8 || (base & IP_OFFMASK) + (total - header) / 8 > IP_OFFMASK)
        return -EMSGSIZE;
    memcpy(f, p, header);
    while (at < total) {
        size_t room = (mtu - out_header) & ~(size_t)7;
        size_t n = total - at <= mtu - out_header ? total - at : room;
        bool last = at + n == total;
        int err;

        memcpy(f + out_header, p + at, n);
        store16(f + 2, (uint16_t)(out_header + n));
        store16(f + 6, (uint16_t)((base & ~IP_OFFMASK) | (last ? 0 : IP_MF) |
                                  ((base & IP_OFFMASK) + (at - header) / 8)));
        packet_header_checksum_fix(f);
        err = emit(arg, f, out_header + n);
        if (err)
            return err;
        at += n;
        out_header = later_fragment_header(p, f);
    }
    return 0;
}

/* Where an IPv6 packet is cut. */
struct cut {
    size_t head;    /* bytes before the fragment header, in every fragment */
    size_t next_at; /* offset of the next-header field of these */
    size_t payload; /* offset of the part that is cut */
    struct ip6_frag header;
};

/* Hard to guess, as RFC 7739 asks for, unless the kernel has no random numbers yet. */
static uint32_t new_ident(void)
{
    static _Atomic uint32_t count;

    return (uint32_t)packet_random() + ++count;
}

static bool goes_with_every_fragment(uint8_t header)
{
    return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING;
}

/*
 * The cut is behind the hop-by-hop options and the routing header, with the destination options
 * before it; or at the fragment header, if there is one.
 */
static bool find_cut(const uint8_t *p, size_t total, struct cut *c)
{
    size_t at = sizeof(struct ip6_hdr), next_at = offsetof(struct ip6_hdr, ip6_nxt);

    *c = (struct cut){.head = at, .next_at = next_at, .payload = at};
    c->header.ip6f_nxt = p[next_at];
    while (at + 8 <= total) {
        uint8_t header = p[next_at];
        size_t len = (size_t)(p[at + 1] + 1) * 8;

        if (header == IPPROTO_FRAGMENT) {
            *c = (struct cut){.head = at, .next_at = next_at, .payload = at + 8};
            memcpy(&c->header, p + at, sizeof(c->header));
            return true;
        }
        if (!goes_with_every_fragment(header) && header != IPPROTO_DSTOPTS)
            break;
        next_at = at;
        at += len;
        if (goes_with_every_fragment(header)) {
            c->head = c->payload = at;
            c->next_at = next_at;
            c->header.ip6f_nxt = p[next_at];
        }
    }
    c->header.ip6f_ident = new_ident();
    return c->head <= total;
}

static int fragment_ipv6(const uint8_t *p, size_t mtu, uint8_t *f,
                         int (*emit)(void *arg, const void *fragment, size_t len), void *arg)
{
    size_t total = sizeof(struct ip6_hdr) + load16(p + 4), room, at, head;
    uint16_t base;
    struct cut c;

    if (!find_cut(p, total, &c) || mtu < c.head + sizeof(c.header) + 8)
        return -EMSGSIZE;
    head = c.head + sizeof(c.header);
    room = (mtu - head) & ~(size_t)7;
    base = ntohs(c.header.ip6f_offlg);
    if ((base & ~7u) + total - c.payload > PACKET_MAX)
        return -EMSGSIZE;
    memcpy(f, p, c.head);
    f[c.next_at] = IPPROTO_FRAGMENT;
    for (at = c.payload; at < total;) {
        bool last = total - at <= mtu - head;
        size_t n = last ? total - at : room;
        int err;

        c.header.ip6f_offlg = htons((uint16_t)((base + (at - c.payload)) | (last ? 0 : 1)));
        memcpy(f + c.head, &c.header, sizeof(c.header));
        memcpy(f + head, p + at, n);
        store16(f + 4, (uint16_t)(head - sizeof(struct ip6_hdr) + n));
        err = emit(arg, f, head + n);
        if (err)
            return err;
        at += n;
    }
    return 0;
}

int packet_fragment(const void *packet, size_t mtu, void *out,
                    int (*emit)(void *arg, const void *fragment, size_t len), void *arg)
{
    if (packet_version(packet, 1) == 6)
        return fragment_ipv6(packet, mtu, out, emit, arg);
    return fragment_ipv4(packet, mtu, out, emit, arg);
}
