/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum. */
#include "packet/packet.h"

#include <arpa/inet.h>
#include <string.h>

#define LANES 4
#define BLOCK (LANES * 2 * sizeof(uint64_t)) /* bytes summed in one round */

#define WORTH_VECTORS 512  /* bytes */
#define CACHED        4096 /* bytes that stay in the L1 cache between copying and summing */

/*
 * The unfolded sum of whole blocks. Four independent sums do not wait for each other's carries. The
 * carries are counted apart and added at the end, as ones' complement allows.
 */
static uint64_t sum_blocks(const uint8_t *p, size_t blocks)
{
    uint64_t lane[LANES] = {0}, carries = 0, folded = 0;

    for (; blocks > 0; blocks--, p += BLOCK) {
        uint64_t word[LANES * 2];

        memcpy(word, p, sizeof(word));
#pragma GCC unroll 8
        for (int i = 0; i < LANES * 2; i++)
            carries += __builtin_add_overflow(lane[i % LANES], word[i], &lane[i % LANES]);
    }
    for (int i = 0; i < LANES; i++)
        folded += (lane[i] >> 32) + (uint32_t)lane[i];
    return folded + carries;
}

/* In pieces that stay in the cache between copying and summing. */
static uint64_t copy_and_sum_blocks(uint8_t *to, const uint8_t *p, size_t blocks)
{
    uint64_t sum = 0;

    while (blocks > 0) {
        size_t n = blocks < CACHED / BLOCK ? blocks : CACHED / BLOCK;

        memcpy(to, p, n * BLOCK);
        sum += sum_blocks(p, n);
        to += n * BLOCK;
        p += n * BLOCK;
        blocks -= n;
    }
    return sum;
}

#ifdef __x86_64__

/* Four 64-bit words; their 32-bit halves are summed, so 2^32 rounds cannot overflow. */
typedef uint64_t vector __attribute__((vector_size(32)));
typedef vector vector_anywhere __attribute__((aligned(1), may_alias));

/* to is NULL to leave out the copy; known when inlined. */
__attribute__((target("avx2"), always_inline)) static inline uint64_t vector_blocks(
    uint8_t *to, const uint8_t *p, size_t blocks)
{
    vector low[2] = {{0}}, high[2] = {{0}};
    uint64_t sum = 0;

    for (; blocks > 0; blocks--, p += BLOCK) {
        const vector a = ((const vector_anywhere *)p)[0], b = ((const vector_anywhere *)p)[1];

        if (to) {
            ((vector_anywhere *)to)[0] = a;
            ((vector_anywhere *)to)[1] = b;
            to += BLOCK;
        }
        low[0] += a & UINT32_MAX;
        low[1] += b & UINT32_MAX;
        high[0] += a >> 32;
        high[1] += b >> 32;
    }
    low[0] += low[1];
    high[0] += high[1];
    for (int i = 0; i < 4; i++)
        sum += low[0][i] + high[0][i];
    return sum;
}

__attribute__((target("avx2"))) static uint64_t sum_with_vectors(const uint8_t *p, size_t blocks)
{
    return vector_blocks(NULL, p, blocks);
}

__attribute__((target("avx2"))) static uint64_t copy_with_vectors(uint8_t *to, const uint8_t *p,
                                                                  size_t blocks)
{
    return vector_blocks(to, p, blocks);
}

static bool have_vectors(size_t len)
{
    return len >= WORTH_VECTORS && __builtin_cpu_supports("avx2");
}

#else

#define have_vectors(len) false
#define sum_with_vectors  sum_blocks
#define copy_with_vectors copy_and_sum_blocks

#endif

/* Adds what is left behind the whole blocks, folds and complements. */
static uint16_t finish(const uint8_t *p, size_t len, uint64_t sum)
{
    for (; len >= 4; p += 4, len -= 4) {
        uint32_t word;

        memcpy(&word, p, sizeof(word));
        sum += word;
    }
    if (len >= 2) {
        uint16_t half;

        memcpy(&half, p, sizeof(half));
        sum += half;
        p += 2;
        len -= 2;
    }
    if (len)
        sum += htons((uint16_t)(*p << 8));
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint16_t packet_checksum(const void *data, size_t len, uint32_t sum)
{
    const uint8_t *p = data;
    size_t blocks = len / BLOCK, rest = len % BLOCK;
    uint64_t acc = have_vectors(len) ? sum_with_vectors(p, blocks) : sum_blocks(p, blocks);

    return finish(p + len - rest, rest, acc + sum);
}

uint16_t packet_checksum_copy(void *to, const void *data, size_t len, uint32_t sum)
{
    const uint8_t *p = data;
    size_t blocks = len / BLOCK, rest = len % BLOCK;
    uint64_t acc =
        have_vectors(len) ? copy_with_vectors(to, p, blocks) : copy_and_sum_blocks(to, p, blocks);

    memcpy((uint8_t *)to + len - rest, p + len - rest, rest);
    return finish(p + len - rest, rest, acc + sum);
}
