/* SPDX-License-Identifier: BSD-2-Clause */
/* The handoff queue returns what was put into it, in order, however often it wraps. */
#include "divert/handoff_queue.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct handoff_queue *handoff_queue;
static struct nfqueue_ring *from, *to;
static unsigned seed = 1;

static void *map(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    ck_assert_ptr_ne(block, MAP_FAILED);
    return block;
}

static void setup(void)
{
    handoff_queue = map(sizeof(*handoff_queue));
    from = map(sizeof(*from));
    to = map(sizeof(*to));
}

static bool put(uint32_t id, uint32_t len)
{
    struct nfqueue_packet packet = {.id = id, .len = len};

    memset(from->slot[0], (int)(id % 251), len);
    return handoff_queue_put(handoff_queue, from, &packet);
}

/* Takes all packets and checks their numbers, from next on. Returns the next number. */
static uint32_t take(uint32_t next)
{
    uint32_t n = handoff_queue_take(handoff_queue, to);

    for (; n > 0; n--, next++) {
        const struct nfqueue_packet *p = &to->packet[to->first++];

        ck_assert_uint_eq(p->id, next);
        memset(from->slot[1], (int)(next % 251), p->len);
        ck_assert_mem_eq(nfqueue_bytes(to, p), from->slot[1], p->len);
    }
    return next;
}

START_TEST(test_packets_come_in_order_however_it_wraps)
{
    uint32_t put_next = 0, taken_next = 0, refused = 0;

    for (int turn = 0; turn < 3000; turn++) {
        for (int n = rand_r(&seed) % 40; n > 0; n--) {
            if (put(put_next, (uint32_t)rand_r(&seed) % (turn % 50 ? 1500 : 65536)))
                put_next++;
            else
                refused++;
        }
        if (rand_r(&seed) % 16 == 0 || turn > 2000)
            taken_next = take(taken_next);
    }
    while (handoff_queue_waits(handoff_queue))
        taken_next = take(taken_next);
    ck_assert_uint_eq(taken_next, put_next);
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_gt(put_next, 20000);
}
END_TEST

START_TEST(test_full_queue_refuses_until_there_is_room)
{
    uint32_t count = 0;

    while (put(count, 65000))
        count++;
    ck_assert_uint_gt(count, 100);
    ck_assert_uint_eq(take(0), NFQUEUE_SLOTS);
    ck_assert(put(count, 65000));
    for (uint32_t next = NFQUEUE_SLOTS; next < count + 1;)
        next = take(next);
    ck_assert(!handoff_queue_waits(handoff_queue));
    ck_assert_uint_eq(handoff_queue_take(handoff_queue, to), 0);
}
END_TEST

START_TEST(test_packets_go_behind_those_in_the_ring)
{
    ck_assert(put(0, 10));
    ck_assert_uint_eq(handoff_queue_take(handoff_queue, to), 1);
    ck_assert(put(1, 20));
    ck_assert_uint_eq(handoff_queue_take(handoff_queue, to), 1);
    ck_assert_uint_eq(to->packet[to->first].id, 0);
    ck_assert_uint_eq(to->packet[to->first + 1].id, 1);
    ck_assert_uint_eq(to->end - to->first, 2);
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("handoff_queue", setup, NULL, 60);

    runner_add(&runner, test_packets_come_in_order_however_it_wraps, 1);
    runner_add(&runner, test_full_queue_refuses_until_there_is_room, 1);
    runner_add(&runner, test_packets_go_behind_those_in_the_ring, 1);
    return runner_run(&runner);
}
