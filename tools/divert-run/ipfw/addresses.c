/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses addresses of an ipfw rule, and finds out whose addresses the interfaces have. */
#include "ipfw/private.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

/* The network of a set such as 10.0.0.0/24{1,5-9}, while its numbers are read. */
struct address_set {
    bool open;
    struct rule_addr network;
};

/* Adds a network of PREFIX bits whose last byte is LAST. */
static bool add_block(struct parser *p, const struct word *item, const struct address_set *set,
                      unsigned last, unsigned prefix)
{
    struct rule_atom *atom = parser_add_atom(p, item);

    if (!atom)
        return false;
    atom->addr = set->network;
    atom->addr.bytes[3] = (uint8_t)last;
    atom->addr.prefix = (uint8_t)prefix;
    return true;
}

/* Adds the numbers from LO to HI, as few networks. */
static bool add_numbers(struct parser *p, const struct word *item, const struct address_set *set,
                        unsigned lo, unsigned hi)
{
    while (lo <= hi) {
        unsigned size = 1, prefix = 32;

        while (size < 256 && !(lo & (size * 2 - 1)) && lo + size * 2 - 1 <= hi) {
            size *= 2;
            prefix--;
        }
        if (!add_block(p, item, set, lo, prefix))
            return false;
        lo += size;
    }
    return true;
}

/* Numbers of a set: "5", "5-9", and at its end "5-9}". */
static bool add_set_numbers(struct parser *p, const struct word *item, const char *text,
                            struct address_set *set)
{
    unsigned first = set->network.bytes[3], last = first | 0xffu >> (set->network.prefix - 24);
    char copy[sizeof(item->s)], *end, *dash;
    long lo, hi;

    strcpy(copy, text);
    end = strchr(copy, '}');
    if (end && end[1])
        return ipfw_fail_at_item(p, item, "nothing may follow '}'");
    if (end)
        *end = '\0';
    set->open = !end;
    dash = strchr(copy, '-');
    if (dash)
        *dash++ = '\0';
    lo = name_to_number(copy, 255);
    hi = dash ? name_to_number(dash, 255) : lo;
    if (lo < 0 || hi < lo)
        return ipfw_fail_at_item(p, item, "expected a last byte, 0 to 255, or a range 5-9");
    if (lo < (long)first || hi > (long)last)
        return ipfw_fail_at_item(p, item, "this last byte is not in the network before the brace");
    return add_numbers(p, item, set, (unsigned)lo, (unsigned)hi);
}

/* "10.0.0.0/24{1" */
static bool begin_set(struct parser *p, const struct word *item, struct address_set *set)
{
    struct word copy = *item;
    char *brace = strchr(copy.s, '{');
    bool bad_mask, has_length;

    *brace = '\0';
    has_length = strchr(copy.s, '/');
    if (!parser_read_network(copy.s, &set->network, &bad_mask) || set->network.kind != ADDR_NET4 ||
        (has_length && set->network.prefix < 24))
        return ipfw_fail_at_item(p, item,
                                 "expected an IPv4 address, or a network of 24 to 32 bits, before "
                                 "the brace");
    if (!has_length) {
        set->network.prefix = 24;
        set->network.bytes[3] = 0;
    }
    return add_set_numbers(p, item, item->s + (brace - copy.s) + 1, set);
}

static bool add_one_network(struct parser *p, const struct word *item, struct rule_addr *addr)
{
    struct word copy = *item;
    bool bad_mask = false;

    if (parser_read_network(copy.s, addr, &bad_mask))
        return true;
    return ipfw_fail_at_item(
        p, item,
        bad_mask ? "expected a prefix length or a mask after the address"
                 : "expected an address: any, me, a.b.c.d[/len] or IPv6[/len] (no host names)");
}

static bool ipfw_add_address(struct parser *p, const struct word *item, void *context)
{
    struct address_set *set = context;
    struct rule_atom *atom;

    if (set->open)
        return add_set_numbers(p, item, item->s, set);
    if (strchr(item->s, '{'))
        return begin_set(p, item, set);
    atom = parser_add_atom(p, item);
    if (!atom)
        return false;
    if (strcasecmp(item->s, "any") == 0)
        atom->addr.kind = ADDR_ANY;
    else if (strcasecmp(item->s, "me") == 0)
        atom->addr.kind = ADDR_ME;
    else if (strcasecmp(item->s, "me6") == 0)
        atom->addr.kind = ADDR_ME6;
    else if (strpbrk(item->s, "()"))
        return ipfw_fail_at_item(p, item, "a table stands alone: table(NAME)");
    else
        return add_one_network(p, item, &atom->addr);
    return true;
}

bool ipfw_parse_addresses(struct parser *p, enum clause_kind kind, bool negated)
{
    struct address_set set = {0};
    struct word first = p->word;

    if (parser_at_end(p))
        return parser_fail(p, "expected an address at the end of the rule");
    if (ipfw_at_table(p))
        return ipfw_parse_table(p, kind, negated);
    if (!parser_add_clause(p, kind, negated) || !ipfw_lex_list(p, ipfw_add_address, &set))
        return false;
    return !set.open || ipfw_fail_at_item(p, &first, "expected '}' at the end of the set");
}

/* The address and its netmask, or NULL for another family. */
static const void *bytes_of(const struct sockaddr *address, int family)
{
    if (!address || address->sa_family != family)
        return NULL;
    return family == AF_INET ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                             : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
}

bool ipfw_interface_of(int family, const void *address, char name[IFNAMSIZ])
{
    struct ifaddrs *all, *one;
    bool found = false;

    if (getifaddrs(&all) < 0)
        return false;
    for (one = all; one && !found; one = one->ifa_next) {
        const void *own = bytes_of(one->ifa_addr, family);

        found = own && memcmp(own, address, family == AF_INET ? 4 : 16) == 0 &&
                strlen(one->ifa_name) < IFNAMSIZ;
        if (found)
            strcpy(name, one->ifa_name);
    }
    freeifaddrs(all);
    return found;
}

/* Adds the network around the address of an interface, and the interface. */
static bool add_connected(struct parser *p, const struct ifaddrs *one, int family)
{
    const uint8_t *own = bytes_of(one->ifa_addr, family), *mask;
    size_t size = family == AF_INET ? 4 : 16;
    struct rule_atom *atom;

    mask = bytes_of(one->ifa_netmask, family);
    if (!own || !mask || strlen(one->ifa_name) >= IFNAMSIZ)
        return true;
    atom = parser_add_atom(p, &p->word);
    if (!atom)
        return false;
    atom->addr.kind = family == AF_INET ? ADDR_NET4 : ADDR_NET6;
    for (size_t i = 0; i < size; i++) {
        atom->addr.bytes[i] = own[i] & mask[i];
        atom->addr.prefix = (uint8_t)(atom->addr.prefix + __builtin_popcount(mask[i]));
    }
    atom = parser_add_atom(p, &p->word);
    if (atom)
        strcpy(atom->ifname, one->ifa_name);
    return atom;
}

/* Link-local networks are on every interface. */
static bool is_link_local(const struct ifaddrs *one)
{
    const struct in6_addr *six = bytes_of(one->ifa_addr, AF_INET6);

    return six && IN6_IS_ADDR_LINKLOCAL(six);
}

bool ipfw_parse_antispoof(struct parser *p, enum clause_kind kind, bool negated)
{
    struct ifaddrs *all, *one;
    bool added = true;

    if (!parser_add_clause(p, kind, !negated))
        return false;
    if (getifaddrs(&all) < 0)
        return parser_fail(p, "'%s': the interfaces cannot be listed", p->word.s);
    for (one = all; one && added; one = one->ifa_next) {
        if (!is_link_local(one))
            added = add_connected(p, one, AF_INET) && add_connected(p, one, AF_INET6);
    }
    freeifaddrs(all);
    return added && ipfw_lex_next(p);
}
