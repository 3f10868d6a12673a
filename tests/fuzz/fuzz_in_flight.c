/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets are read, rewritten and written in any order, from any buffer and in any direction: each
 * one found was outstanding, and is found once.
 */
#include "divert/in_flight.h"
#include "fuzz.h"

#include <netinet/in.h>

#define PACKETS_MAX 4096 /* outstanding at once, and seen in one run */
#define BYTES_MAX   256

enum { BUFFERS = 4, INTERFACES = 3 };

struct seen {
    uint8_t bytes[BYTES_MAX];
    size_t len;
    bool outstanding;
    struct in_flight_packet packet;
};

static struct seen seen[PACKETS_MAX];
static uint32_t count, waiting, oldest;
static struct in_flight in_flight;

static uintptr_t buffer_of(uint8_t choice)
{
    return (uintptr_t)0x1000 * (choice % BUFFERS);
}

static void read_one(struct input *in)
{
    struct seen *s = &seen[count];
    struct in_flight_packet evicted;
    uint8_t choice = take8(in), again = take8(in);

    if (count == PACKETS_MAX)
        return;
    *s = (struct seen){.outstanding = true};
    if (count && choice & 1) { /* one that looks like another */
        const struct seen *like = &seen[again % count];

        s->len = like->len;
        memcpy(s->bytes, like->bytes, like->len);
        if (choice & 2 && s->len)
            s->bytes[take8(in) % s->len] ^= take8(in);
    } else {
        size_t len = again < in->left ? again : in->left;

        s->len = len;
        memcpy(s->bytes, in->at, len);
        in->at += len;
        in->left -= len;
    }
    s->packet = (struct in_flight_packet){
        .id = count,
        .queue = 8000,
        .len = (uint32_t)s->len,
        .incoming = choice & 4,
        .indev = choice & 4 ? 1u + (choice >> 3) % INTERFACES : 0,
        .buffer = buffer_of(choice >> 5),
        .read_at = count,
    };
    packet_keys(1, s->bytes, s->len, &s->packet.keys);
    REQUIRE(!in_flight_add(&in_flight, &s->packet, &evicted), "evicted with %u outstanding",
            waiting);
    count++;
    waiting++;
}

static bool same(const struct in_flight_packet *a, const struct in_flight_packet *b)
{
    return a->len == b->len && a->incoming == b->incoming && a->indev == b->indev &&
           a->buffer == b->buffer && a->read_at == b->read_at && a->keys.exact == b->keys.exact;
}

static void leave(const struct in_flight_packet *packet)
{
    REQUIRE(packet->id < count, "id %u, and %u were read", packet->id, count);
    REQUIRE(seen[packet->id].outstanding, "id %u for the second time", packet->id);
    REQUIRE(same(packet, &seen[packet->id].packet), "id %u is another", packet->id);
    seen[packet->id].outstanding = false;
    waiting--;
}

static void write_one(struct input *in)
{
    uint8_t choice = take8(in), which = take8(in), bytes[BYTES_MAX];
    struct in_flight_packet found;
    struct packet_keys keys;
    struct in_flight_direction direction;
    uintptr_t buffer;
    const struct seen *s;

    if (!count)
        return;
    s = &seen[(count - 1) - which % count];
    direction =
        (struct in_flight_direction){.incoming = s->packet.incoming, .indev = s->packet.indev};
    buffer = s->packet.buffer;
    memcpy(bytes, s->bytes, s->len);
    for (int changes = choice & 7; changes && s->len; changes--)
        bytes[take8(in) % s->len] ^= take8(in);
    if (choice & 8)
        direction.incoming = !direction.incoming;
    if (choice & 16)
        direction.indev = 1u + (choice >> 5) % INTERFACES;
    if (choice & 32)
        buffer = buffer_of(choice >> 6);
    packet_keys(1, bytes, s->len, &keys);
    if (in_flight_match(&in_flight, &keys, buffer, &direction, &found)) {
        REQUIRE(found.incoming == direction.incoming &&
                    (!direction.incoming || found.indev == direction.indev),
                "id %u came another direction", found.id);
        leave(&found);
    } else {
        REQUIRE(!(s->outstanding && waiting == 1 && !(choice & 0x1f)),
                "the only packet, written as it was read, is not found");
    }
}

static void expire_one(void)
{
    struct in_flight_packet found;
    const struct in_flight_packet *first = in_flight_oldest(&in_flight);
    bool any = in_flight_expire(&in_flight, &found);

    REQUIRE(any == (waiting != 0) && any == (first != NULL), "%u outstanding", waiting);
    if (!any)
        return;
    for (; oldest < found.id; oldest++)
        REQUIRE(!seen[oldest].outstanding, "id %u is older than %u", oldest, found.id);
    leave(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    in_flight_reset(&in_flight);
    count = waiting = oldest = 0;
    while (in.left) {
        uint8_t step = take8(&in);

        if (step < 128)
            read_one(&in);
        else if (step < 240)
            write_one(&in);
        else
            expire_one();
        REQUIRE(in_flight.count == waiting, "%u in the in_flight, %u outstanding", in_flight.count,
                waiting);
    }
    while (waiting)
        expire_one();
    REQUIRE(!in_flight_oldest(&in_flight), "something is left");
    return 0;
}
