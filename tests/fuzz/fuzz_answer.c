/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a packet that divert-run answers. The first two bytes are the kind of answer and its
 * code.
 */
#include "fuzz.h"

#include "events/private.h"

#include <netinet/in.h>

static uint16_t sum_of(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* Checks the header, both addresses at its end, and the segment after it. */
static void expect_reset(const struct told_packet *packet, const struct headers *h,
                         const uint8_t *reply, size_t len)
{
    size_t header = h->family == 4 ? 20 : 40, addresses = h->family == 4 ? 8 : 32;

    REQUIRE(h->proto == IPPROTO_TCP && !h->offset, "%d at %u", h->proto, h->offset);
    REQUIRE(len == header + 20, "%zu bytes", len);
    REQUIRE(
        !memcmp(reply + header - addresses / 2, packet->bytes + header - addresses, addresses / 2),
        "goes elsewhere");
    REQUIRE(sum_of(reply + header - addresses, addresses + 20, IPPROTO_TCP + 20) == 0xffff,
            "wrong checksum");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct rule_answer answer = {.kind = (enum answer_kind)(1 + take8(&in) % 4),
                                 .code = take8(&in)};
    struct told_packet packet = {.incoming = true};
    struct headers h;
    uint8_t reply[REPLY_MAX];
    size_t len;

    uint8_t *bytes = take_block(&in, EVENT_PACKET_MAX, &packet.len);

    packet.bytes = bytes;
    if (headers_read(&packet, &h)) {
        REQUIRE(h.network + h.transport_len == packet.len, "%zu and %zu", h.network,
                h.transport_len);
        len = reply_reset(&packet, &h, reply);
        if (len)
            expect_reset(&packet, &h, reply, len);
        len = reply_unreach(&answer, &packet, &h, reply);
        REQUIRE(len <= REPLY_MAX - 20, "%zu bytes", len);
        if (len && h.family == 4)
            REQUIRE(sum_of(reply, len, 0) == 0xffff, "wrong checksum");
    }
    free(bytes);
    return 0;
}
