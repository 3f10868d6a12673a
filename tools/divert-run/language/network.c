/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads addresses and networks as both languages write them. */
#include "language/parser.h"

#include <arpa/inet.h>
#include <string.h>

static void clear_host_bits(struct rule_addr *addr, unsigned size)
{
    for (unsigned bit = addr->prefix; bit < size * 8; bit++)
        addr->bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
}

/* Length of a mask of leading ones, else -1. */
static int mask_prefix(uint32_t mask)
{
    int prefix = __builtin_popcount(mask);
    uint32_t leading = prefix ? UINT32_MAX << (32 - prefix) : 0;

    return mask == leading ? prefix : -1;
}

static int read_prefix(const char *s, long max)
{
    struct in_addr mask;

    if (max == 32 && strchr(s, '.'))
        return inet_pton(AF_INET, s, &mask) == 1 ? mask_prefix(ntohl(mask.s_addr)) : -1;
    return (int)name_to_number(s, (unsigned long)max);
}

bool parser_read_network(char *s, struct rule_addr *addr, bool *bad_mask)
{
    bool six = strchr(s, ':') && !(strchr(s, '.') && strchr(s, '.') < strchr(s, ':'));
    char *mask = strpbrk(s, six ? "/" : "/:");
    int bits = six ? 128 : 32, prefix = bits;

    if (mask) {
        *mask++ = '\0';
        prefix = read_prefix(mask, bits);
    }
    if (inet_pton(six ? AF_INET6 : AF_INET, s, addr->bytes) != 1)
        return false;
    *bad_mask = prefix < 0;
    if (prefix < 0)
        return false;
    addr->kind = six ? ADDR_NET6 : ADDR_NET4;
    addr->prefix = (uint8_t)prefix;
    clear_host_bits(addr, six ? 16 : 4);
    return true;
}
