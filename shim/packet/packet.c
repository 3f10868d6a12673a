/* SPDX-License-Identifier: BSD-2-Clause */
/* IP packets: checking them, their headers, and the keys by which they are recognised. */
#include "packet/packet.h"

#include "packet/bytes.h"
#include "packet/private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/random.h>

#define KEY_HEAD 64 /* payload bytes from the front that enter the survivor key */
#define KEY_TAIL 32 /* and from the end */

#define LANES      4
#define HASH_BLOCK (LANES * 16) /* bytes */

static const uint64_t fixed_seed = 0x9e3779b97f4a7c15u;

/* The two halves of the 128-bit product, xored. */
#ifdef __SIZEOF_INT128__
static uint64_t multiply(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
#else
static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    uint64_t low = a_low * b_low, middle = a_high * b_low + (low >> 32);
    uint64_t rest = a_low * b_high + (uint32_t)middle;

    return (rest << 32 | (uint32_t)low) ^ (a_high * b_high + (middle >> 32) + (rest >> 32));
}
#endif

static uint64_t mix(uint64_t a, uint64_t b)
{
    return multiply(a ^ 0xa0761d6478bd642fu, b ^ 0xe7037ed1a0b428dbu);
}

unsigned packet_version(const void *packet, size_t len)
{
    return len ? *(const uint8_t *)packet >> 4 : 0;
}

static int check_ipv4(const uint8_t *p, size_t len, size_t *total)
{
    size_t header = (size_t)(p[0] & 15) * 4;

    *total = load16(p + 2);
    if (header < sizeof(struct iphdr) || *total < header || *total > len)
        return -EINVAL;
    return 0;
}

static int check_ipv6(const uint8_t *p, size_t len, size_t *total)
{
    if (len < sizeof(struct ip6_hdr))
        return -EINVAL;
    *total = sizeof(struct ip6_hdr) + load16(p + 4);
    return *total > len ? -EINVAL : 0;
}

int packet_check(const void *packet, size_t len, size_t *total)
{
    if (len < sizeof(struct iphdr))
        return -EINVAL;
    switch (packet_version(packet, len)) {
    case 4:
        return check_ipv4(packet, len, total);
    case 6:
        return check_ipv6(packet, len, total);
    default:
        return -EAFNOSUPPORT;
    }
}

bool packet_header_checksum_ok(const void *packet)
{
    if (packet_version(packet, 1) != 4)
        return true;
    return packet_checksum(packet, ipv4_header_len((const uint8_t *)packet), 0) == 0;
}

void packet_header_checksum_fix(void *packet)
{
    uint8_t *p = packet;
    uint16_t sum;

    if (packet_version(packet, 1) != 4)
        return;
    store16(p + 10, 0);
    sum = packet_checksum(p, ipv4_header_len(p), 0);
    memcpy(p + 10, &sum, sizeof(sum));
}

uint32_t packet_destination(const void *packet)
{
    uint32_t dst = 0;

    if (packet_version(packet, 1) == 4)
        memcpy(&dst, (const uint8_t *)packet + offsetof(struct iphdr, daddr), sizeof(dst));
    return dst;
}

uint64_t packet_destination_key(const void *packet)
{
    uint64_t half[2];

    if (packet_version(packet, 1) == 4)
        return packet_destination(packet);
    memcpy(half, (const uint8_t *)packet + offsetof(struct ip6_hdr, ip6_dst), sizeof(half));
    return mix(fixed_seed ^ half[0], half[1]);
}

bool packet_dont_fragment(const void *packet)
{
    return packet_version(packet, 1) == 4 && (load16((const uint8_t *)packet + 6) & IP_DF);
}

uint64_t packet_random(void)
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        random = fixed_seed;
    return random;
}

/*
 * Long data goes through four independent lanes, which do not wait for each other's
 * multiplications.
 */
static uint64_t hash_lanes(uint64_t seed, uint64_t h, const uint8_t *p, size_t blocks)
{
    uint64_t lane[LANES] = {h, h ^ 1, h ^ 2, h ^ 3};

    for (; blocks > 0; blocks--, p += HASH_BLOCK) {
        uint64_t word[LANES * 2];

        memcpy(word, p, sizeof(word));
        for (int i = 0; i < LANES; i++)
            lane[i] = mix(lane[i] ^ word[i * 2], seed ^ word[i * 2 + 1]);
    }
    return mix(mix(lane[0], lane[1]), mix(lane[2], lane[3]));
}

static uint64_t hash_bytes(uint64_t seed, uint64_t h, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t blocks = len / HASH_BLOCK;
    uint64_t word[2];

    h ^= len;
    if (blocks > 1) {
        h = hash_lanes(seed, h, p, blocks);
        p += blocks * HASH_BLOCK;
        len -= blocks * HASH_BLOCK;
    }
    for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
        memcpy(word, p, sizeof(word));
        h = mix(h ^ word[0], seed ^ word[1]);
    }
    if (len) {
        word[0] = word[1] = 0;
        memcpy(word, p, len);
        h = mix(h ^ word[0], seed ^ word[1]);
    }
    return h;
}

static uint32_t fold(uint64_t h)
{
    return (uint32_t)(h ^ h >> 32);
}

/* The part of a transport header that address translation leaves alone. */
static uint32_t transport_invariant(const uint8_t *p, size_t len, const struct packet_layout *l)
{
    const uint8_t *t = p + l->transport;

    if (!l->first || len - l->transport < 8)
        return 0;
    if (l->protocol == IPPROTO_TCP)
        return load32(t + 4);
    if (l->protocol == IPPROTO_ICMP || l->protocol == IPPROTO_ICMPV6)
        return (uint32_t)load16(t) << 16 | load16(t + 6);
    return 0;
}

static bool layout_has_ports(const struct packet_layout *l)
{
    switch (l->protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
        return l->first;
    default:
        return false;
    }
}

bool packet_ends(const void *packet, size_t len, struct packet_ends *ends)
{
    const uint8_t *p = packet, *ports;
    struct packet_layout l;

    if (!packet_lay_out(p, len, &l))
        return false;
    *ends = (struct packet_ends){
        .from = l.address, .to = l.address + l.address_len / 2, .protocol = l.protocol};
    if (!layout_has_ports(&l) || len - l.transport < 4)
        return true;
    ports = p + l.transport;
    ends->ports = true;
    ends->from_port = load16(ports);
    ends->to_port = load16(ports + 2);
    return true;
}

/* The sum of the pseudo header (RFC 793, RFC 8200), not complemented, in network byte order. */
static uint16_t pseudo_sum(const struct packet_layout *l, size_t transport_len)
{
    uint8_t rest[4] = {0, l->protocol, (uint8_t)(transport_len >> 8), (uint8_t)transport_len};
    size_t here = l->final ? l->address_len / 2 : l->address_len;
    uint16_t sum = (uint16_t)~packet_checksum(l->address, here, 0);

    if (l->final)
        sum = (uint16_t)~packet_checksum(l->final, l->address_len - here, sum);
    return (uint16_t)~packet_checksum(rest, sizeof(rest), sum);
}

/* Offset of the TCP or UDP checksum in the packet. */
static size_t checksum_place(const struct packet_layout *l)
{
    return l->transport + (l->protocol == IPPROTO_TCP ? 16 : 6);
}

bool packet_transport_checksum_is_partial(const uint8_t *p, size_t len,
                                          const struct packet_layout *l)
{
    size_t at = checksum_place(l);
    uint16_t partial = pseudo_sum(l, len - l->transport);

    return at + sizeof(partial) <= len && memcmp(p + at, &partial, sizeof(partial)) == 0;
}

void packet_transport_checksum_complete(void *packet, size_t len)
{
    uint8_t *p = packet;
    struct packet_layout l;
    size_t total;
    uint16_t sum;

    if (packet_check(p, len, &total) || !packet_lay_out(p, total, &l) || !l.complete ||
        (l.protocol != IPPROTO_TCP && l.protocol != IPPROTO_UDP) ||
        !packet_transport_checksum_is_partial(p, total, &l))
        return;
    /* The field holds the pseudo header's sum: summing over it adds that in. */
    sum = packet_checksum(p + l.transport, total - l.transport, 0);
    if (sum == 0 && l.protocol == IPPROTO_UDP)
        sum = 0xffff;
    memcpy(p + checksum_place(&l), &sum, sizeof(sum));
}

/* Offset of the checksum in the transport header; 0 if there is none. */
static size_t transport_checksum_at(const uint8_t *transport, const struct packet_layout *l)
{
    switch (l->protocol) {
    case IPPROTO_TCP:
        return 16;
    case IPPROTO_UDP:
        return l->address_len == 8 && load16(transport + 6) == 0 ? 0 : 6;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return 2;
    default:
        return 0;
    }
}

/* Offset of the transport checksum in a packet that holds all it covers; 0 if there is none. */
static size_t find_transport_checksum(const uint8_t *p, size_t len, struct packet_layout *l)
{
    size_t at, size;

    if (!packet_lay_out(p, len, l) || !l->complete || len - l->transport < 8)
        return 0;
    size = len - l->transport;
    at = transport_checksum_at(p + l->transport, l);
    return at == 0 || at + sizeof(uint16_t) > size ? 0 : l->transport + at;
}

static uint32_t start_of_sum(const struct packet_layout *l, size_t size)
{
    return l->protocol == IPPROTO_ICMP ? 0 : pseudo_sum(l, size);
}

static uint16_t as_written(const struct packet_layout *l, uint16_t sum)
{
    return sum == 0 && l->protocol == IPPROTO_UDP ? 0xffff : sum;
}

void packet_transport_checksum_fix(void *packet, size_t len)
{
    uint8_t *p = packet;
    struct packet_layout l;
    size_t at = find_transport_checksum(p, len, &l);
    uint16_t sum;

    if (!at)
        return;
    store16(p + at, 0);
    sum = packet_checksum(p + l.transport, len - l.transport, start_of_sum(&l, len - l.transport));
    sum = as_written(&l, sum);
    memcpy(p + at, &sum, sizeof(sum));
}

void packet_transport_checksum_fix_copy(void *to, void *packet, size_t len)
{
    uint8_t *p = packet, *copy = to;
    struct packet_layout l;
    size_t at = find_transport_checksum(p, len, &l);
    uint16_t sum;

    if (!at) {
        memcpy(copy, p, len);
        return;
    }
    store16(p + at, 0);
    memcpy(copy, p, l.transport);
    sum = packet_checksum_copy(copy + l.transport, p + l.transport, len - l.transport,
                               start_of_sum(&l, len - l.transport));
    sum = as_written(&l, sum);
    memcpy(p + at, &sum, sizeof(sum));
    memcpy(copy + at, &sum, sizeof(sum));
}

void packet_keys(uint64_t seed, const void *packet, size_t len, struct packet_keys *keys)
{
    const uint8_t *p = packet;
    struct packet_layout l;
    uint16_t source_port = 0, destination_port = 0;
    uint64_t invariant;
    size_t payload;

    keys->exact = hash_bytes(seed, seed, p, len);
    if (!packet_lay_out(p, len, &l)) {
        keys->survivor = keys->flow = keys->from = keys->to = fold(keys->exact);
        keys->ident = 0;
        return;
    }

    payload = len - l.payload;
    invariant = (uint64_t)l.protocol << 48 | (uint64_t)l.id << 32 | transport_invariant(p, len, &l);
    if (layout_has_ports(&l) && len - l.transport >= 4) {
        source_port = load16(p + l.transport);
        destination_port = load16(p + l.transport + 2);
    }

    keys->survivor = fold(hash_bytes(seed, mix(invariant, len), p + l.payload,
                                     payload < KEY_HEAD ? payload : KEY_HEAD));
    if (payload > KEY_HEAD)
        keys->survivor ^= fold(hash_bytes(seed, seed, p + len - KEY_TAIL, KEY_TAIL));
    keys->from = fold(hash_bytes(seed, source_port, l.address, l.address_len / 2));
    keys->to =
        fold(hash_bytes(seed, destination_port, l.address + l.address_len / 2, l.address_len / 2));
    keys->flow = fold(mix(invariant, (uint64_t)keys->from << 32 | keys->to));
    keys->ident = (invariant & 0xffffffffffffu) ? fold(mix(invariant, seed)) | 1 : 0;
}
