/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list of addresses as conditions: a tree of networks, so that a packet is compared with few of
 * many thousands.
 */
#include "iptables/private.h"

#define DIRECT_MAX 16 /* up to so many are compared one by one */
#define TREE_DEPTH 3  /* levels of chains, of the 16 that nf_tables allows */
#define TREE_BITS  5  /* bits of an address that a level distinguishes: 32 branches */

static bool address_bit(const struct rule_addr *addr, unsigned i)
{
    return addr->bytes[i / 8] & (0x80 >> i % 8);
}

/* How many leading bits two networks have in common. */
static unsigned shared_bits(const struct rule_addr *a, const struct rule_addr *b)
{
    unsigned shorter = a->prefix < b->prefix ? a->prefix : b->prefix, bits = 0;

    while (bits < shorter && address_bit(a, bits) == address_bit(b, bits))
        bits++;
    return bits;
}

/* The smallest network that contains them all; they are in ascending order. */
static struct rule_addr cover_networks(const struct rule_addr *networks, size_t count)
{
    struct rule_addr cover = networks[0];

    cover.prefix = (uint8_t)shared_bits(&networks[0], &networks[count - 1]);
    for (unsigned i = cover.prefix; i < sizeof(cover.bytes) * 8; i++)
        cover.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    return cover;
}

static void add_networks(const struct match *match, const struct rule_addr *networks, size_t count,
                         int depth, struct conditions *out)
{
    unsigned bits = shared_bits(&networks[0], &networks[count - 1]) + TREE_BITS;
    size_t taken;

    for (size_t i = 0; i < count; i += taken) {
        struct rule_addr cover;

        taken = 1;
        while (depth && count > DIRECT_MAX && i + taken < count &&
               shared_bits(&networks[i], &networks[i + taken]) >= bits)
            taken++;
        cover = cover_networks(&networks[i], taken);
        iptables_network(match, taken == 1 ? &networks[i] : &cover, false, out);
        if (taken == 1)
            continue;
        out->items[out->count - 1].below = grow_array(NULL, 1, sizeof(struct conditions));
        *out->items[out->count - 1].below = (struct conditions){0};
        add_networks(match, &networks[i], taken, depth - 1, out->items[out->count - 1].below);
    }
}

void iptables_list(const struct match *match, bool inverse, struct conditions *out)
{
    size_t count;
    const struct rule_addr *networks = address_list_family(match->list, match->family, &count);

    if (count == 1)
        iptables_network(match, networks, inverse, out);
    else if (!inverse)
        add_networks(match, networks, count, TREE_DEPTH, out);
}
