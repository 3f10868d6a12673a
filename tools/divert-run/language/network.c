/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads addresses and networks as both languages write them. */
#include "language/parser.h"

#include <arpa/inet.h>
#include <string.h>

static void clear_host_bits(struct rule_addr *addr)
{
    for (unsigned i = 0; i < sizeof(addr->bytes); i++)
        addr->bytes[i] &= addr->mask[i];
}

static void set_prefix_mask(struct rule_addr *addr, unsigned prefix)
{
    addr->prefix = (uint8_t)prefix;
    memset(addr->mask, 0, sizeof(addr->mask));
    for (unsigned bit = 0; bit < prefix; bit++)
        addr->mask[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
}

/* Does the mask consist of leading ones only? Then it is a prefix. */
static bool is_prefix(struct rule_addr *addr)
{
    struct rule_addr same = *addr;
    unsigned ones = 0;

    for (unsigned i = 0; i < sizeof(addr->mask); i++)
        ones += (unsigned)__builtin_popcount(addr->mask[i]);
    set_prefix_mask(&same, ones);
    addr->prefix = same.prefix;
    return memcmp(same.mask, addr->mask, sizeof(same.mask)) == 0;
}

/* The part behind the address: a length, or a mask that is written as an address. */
static bool read_network_mask(const char *s, bool six, struct rule_addr *addr)
{
    long prefix;

    if (strchr(s, six ? ':' : '.')) {
        memset(addr->mask, 0, sizeof(addr->mask));
        if (inet_pton(six ? AF_INET6 : AF_INET, s, addr->mask) != 1)
            return false;
        if (!is_prefix(addr))
            addr->kind = six ? ADDR_MASK6 : ADDR_MASK4;
        return true;
    }
    prefix = name_to_number(s, six ? 128 : 32);
    if (prefix >= 0)
        set_prefix_mask(addr, (unsigned)prefix);
    return prefix >= 0;
}

bool parser_read_network(char *s, struct rule_addr *addr, bool *bad_mask)
{
    bool six = strchr(s, ':') && !(strchr(s, '.') && strchr(s, '.') < strchr(s, ':'));
    char *mask = strpbrk(s, six ? "/" : "/:");

    if (mask)
        *mask++ = '\0';
    memset(addr->bytes, 0, sizeof(addr->bytes));
    if (inet_pton(six ? AF_INET6 : AF_INET, s, addr->bytes) != 1)
        return false;
    addr->kind = six ? ADDR_NET6 : ADDR_NET4;
    set_prefix_mask(addr, six ? 128 : 32);
    *bad_mask = mask && !read_network_mask(mask, six, addr);
    if (*bad_mask)
        return false;
    clear_host_bits(addr);
    return true;
}
