/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tag in the packet mark, shared by the library and the rules of divert-run: 16 contiguous bits
 * that hold the number of the last rule that a diverted packet has passed, in host byte order. 0:
 * not diverted.
 */
#ifndef DIVERTSHIM_MARK_H
#define DIVERTSHIM_MARK_H

#include <stdbool.h>
#include <stdint.h>

/* Bits of the packet mark that hold the tag, unless DIVERTSHIM_MARK_MASK names others. */
#define MARK_MASK_DEFAULT UINT32_C(0xffff0000)

/* Tags that are not rule numbers. */
#define TAG_SOCKARG  0xfffd /* was not diverted; its socket has a SO_USER_COOKIE */
#define TAG_PAST_ALL 0xfffe /* no rule is left for the packet */
#define TAG_TOP      0xffff /* was diverted, and runs the whole list */

/* Position of the lowest bit of mask, which is not 0. */
static inline unsigned mark_shift(uint32_t mask)
{
    return (unsigned)__builtin_ctz(mask);
}

/* Whether mask can hold a tag: it has 16 contiguous bits. */
static inline bool mark_mask_valid(uint32_t mask)
{
    return __builtin_popcount(mask) == 16 && mask >> mark_shift(mask) == 0xffff;
}

#endif
