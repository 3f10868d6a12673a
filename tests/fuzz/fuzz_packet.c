/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a packet: its layout, fragments, segments and keys. */
#include "fuzz.h"
#include "packet/packet.h"

#include <errno.h>
#include <netinet/ip.h>

static uint16_t word(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* What the fragments of a packet must add up to. */
struct whole {
    uint8_t bytes[PACKET_MAX];
    const uint8_t *packet;
    size_t mtu, header, payload;
    uint16_t offset; /* where the next one begins, in units of 8 bytes */
    size_t at;
    bool ended;
};

static int join(void *arg, const void *fragment, size_t len)
{
    struct whole *w = arg;
    const uint8_t *f = fragment;
    size_t header = (size_t)(f[0] & 15) * 4, total;

    REQUIRE(packet_check(f, len, &total) == 0 && total == len, "fragment of %zu bytes", len);
    REQUIRE(len <= w->mtu, "%zu bytes, and the MTU is %zu", len, w->mtu);
    REQUIRE(packet_header_checksum_ok(f), "checksum of the fragment at %zu", w->at);
    REQUIRE(!w->ended, "a fragment behind the last one");
    REQUIRE((word(f + 6) & IP_OFFMASK) == w->offset, "offset %d, expected %d",
            word(f + 6) & IP_OFFMASK, w->offset);
    REQUIRE(memcmp(f + 4, w->packet + 4, 2) == 0 && memcmp(f + 12, w->packet + 12, 8) == 0,
            "id or addresses");
    REQUIRE(header <= w->header && len - header <= w->payload - w->at, "more than there was");
    memcpy(w->bytes + w->at, f + header, len - header);
    w->at += len - header;
    w->offset = (uint16_t)(w->offset + (len - header) / 8);
    w->ended = w->at == w->payload;
    if (w->ended)
        REQUIRE((word(f + 6) & IP_MF) == (word(w->packet + 6) & IP_MF), "the end");
    else
        REQUIRE(word(f + 6) & IP_MF && (len - header) % 8 == 0, "a fragment before the end");
    return 0;
}

static void cut(const uint8_t *packet, size_t total, size_t mtu)
{
    static struct whole w;
    uint8_t *out = malloc(mtu ? mtu : 1);
    int err;

    w.packet = packet;
    w.mtu = mtu;
    w.header = (size_t)(packet[0] & 15) * 4;
    w.payload = total - w.header;
    w.offset = word(packet + 6) & IP_OFFMASK;
    w.at = 0;
    w.ended = false;
    err = packet_fragment(packet, mtu, out, join, &w);
    REQUIRE(err == 0 || err == -EMSGSIZE, "%d", err);
    REQUIRE(err || w.at == w.payload, "%zu of %zu bytes", w.at, w.payload);
    REQUIRE(memcmp(w.bytes, packet + w.header, w.at) == 0, "other bytes");
    free(out);
}

/* Segments are packets; together they have more bytes than the whole only by their headers. */
static void cut_large(const uint8_t *packet, size_t len, size_t mtu)
{
    unsigned count = packet_segment_count(packet, len, mtu);
    uint8_t *out = malloc(mtu ? mtu : 1);
    size_t whole = 0, sum = 0, total;

    packet_is_tcp(packet, len);
    packet_check(packet, len, &whole);
    for (unsigned i = 0; count > 1 && i < count; i++) {
        size_t n = packet_segment(packet, len, mtu, i, out);

        REQUIRE(packet_check(out, n, &total) == 0 && total == n, "segment of %zu bytes", n);
        REQUIRE(n <= mtu && (i + 1 == count || n == mtu), "%zu bytes, the MTU is %zu", n, mtu);
        REQUIRE(packet_header_checksum_ok(out), "checksum of segment %u", i);
        sum += n;
    }
    REQUIRE(count == 1 || (sum > whole && (sum - whole) % (count - 1) == 0),
            "%u segments of %zu bytes have %zu", count, whole, sum);
    free(out);
}

static bool same(const struct packet_keys *a, const struct packet_keys *b)
{
    return a->exact == b->exact && a->survivor == b->survivor && a->flow == b->flow &&
           a->ident == b->ident && a->from == b->from && a->to == b->to;
}

static void keys(const uint8_t *packet, size_t len)
{
    struct packet_keys first = {0}, again = {0};
    uint8_t *copy = malloc(len ? len : 1);

    memcpy(copy, packet, len);
    packet_keys(1, packet, len, &first);
    packet_keys(1, copy, len, &again);
    REQUIRE(same(&first, &again), "the same bytes have other keys");
    if (len) {
        copy[len / 2] ^= 1;
        packet_keys(1, copy, len, &again);
        REQUIRE(first.exact != again.exact, "other bytes have the same key");
    }
    free(copy);
}

/* IPv4, or IPv6 with the fragment header in front. */
static bool is_fragment(const uint8_t *p, size_t len)
{
    if (packet_version(p, len) == 6)
        return len >= 48 && p[6] == 44 && (word(p + 42) & 0xfff9);
    return len >= 20 && (word(p + 6) & (IP_MF | IP_OFFMASK));
}

/* What a read does with a packet that nobody has validated. */
static void complete(const uint8_t *packet, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    memcpy(copy, packet, len);
    packet_transport_checksum_complete(copy, len);
    packet_transport_checksum_fix(copy, len);
    REQUIRE(!is_fragment(packet, len) || memcmp(copy, packet, len) == 0, "a fragment has changed");
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    size_t mtu = take16(&in), len, total = 0;
    uint8_t *packet = take_block(&in, PACKET_MAX, &len);
    int err = packet_check(packet, len, &total);

    keys(packet, len);
    complete(packet, len);
    cut_large(packet, len, mtu);
    if (!err) {
        REQUIRE(total >= 20 && total <= len, "%zu of %zu bytes", total, len);
        packet_header_checksum_fix(packet);
        REQUIRE(packet_header_checksum_ok(packet), "the header's checksum");
        packet_destination(packet);
        packet_dont_fragment(packet);
        if (packet_version(packet, len) == 4)
            cut(packet, total, mtu);
    }
    free(packet);
    return 0;
}
