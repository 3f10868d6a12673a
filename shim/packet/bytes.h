/* SPDX-License-Identifier: BSD-2-Clause */
/* Access to numbers in packets: network byte order, any alignment. */
#ifndef DIVERTSHIM_PACKET_BYTES_H
#define DIVERTSHIM_PACKET_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t load16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load32(const uint8_t *p)
{
    return (uint32_t)load16(p) << 16 | load16(p + 2);
}

static inline void store16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void store32(uint8_t *p, uint32_t v)
{
    store16(p, (uint16_t)(v >> 16));
    store16(p + 2, (uint16_t)v);
}

/* Length of an IPv4 header in bytes, options included. */
static inline size_t ipv4_header_len(const uint8_t *p)
{
    return (size_t)(p[0] & 0xf) * 4;
}

#endif
