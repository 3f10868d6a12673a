/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses, by name and by number. */
#include "pf/private.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

int pf_address_family(const struct rule_addr *addr)
{
    return addr->kind == ADDR_NET4 ? 4 : addr->kind == ADDR_NET6 ? 6 : 0;
}

/* "10/8" is 10.0.0.0/8. */
static void complete_dotted_quad(const char *s, char *out, size_t size)
{
    size_t length = strspn(s, "0123456789.");
    int dots = 0;

    for (size_t i = 0; i < length; i++)
        dots += s[i] == '.';
    if (!length || s[length] != '/' || dots > 3)
        dots = 3;
    snprintf(out, size, "%.*s%s%s", (int)length, s, &".0.0.0"[2 * dots], s + length);
}

bool pf_read_network(const char *s, struct rule_addr *addr, bool *bad_mask)
{
    const char *slash = strchr(s, '/');
    char full[sizeof(((struct word *)NULL)->s) + 8];

    *bad_mask = false;
    *addr = (struct rule_addr){0};
    complete_dotted_quad(s, full, sizeof(full));
    if (!parser_read_network(full, addr, bad_mask))
        return false;
    *bad_mask = slash && strpbrk(slash, ".:");
    return !*bad_mask;
}

bool pf_cut_modifiers(char *s, struct pf_modifiers *modifiers)
{
    char *rest = strchr(s, ':'), *word;

    *modifiers = (struct pf_modifiers){0};
    if (!rest)
        return true;
    *rest++ = '\0';
    while ((word = strsep(&rest, ":"))) {
        if (strcmp(word, "network") == 0)
            modifiers->network = true;
        else if (strcmp(word, "broadcast") == 0)
            modifiers->broadcast = true;
        else if (strcmp(word, "peer") == 0)
            modifiers->peer = true;
        else if (strcmp(word, "0") == 0)
            modifiers->first = true;
        else
            return false;
    }
    return modifiers->network + modifiers->broadcast + modifiers->peer <= 1;
}

static void clear_bits_behind(struct rule_addr *addr, unsigned bits)
{
    for (unsigned bit = addr->prefix; bit < bits; bit++)
        addr->bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
}

/* False: it is no IP address. */
static bool address_of_socket(const struct sockaddr *sa, struct rule_addr *addr)
{
    int family = sa ? sa->sa_family : AF_UNSPEC;

    if (family == AF_INET) {
        *addr = (struct rule_addr){.kind = ADDR_NET4, .prefix = 32};
        memcpy(addr->bytes, &((const struct sockaddr_in *)sa)->sin_addr, 4);
    } else if (family == AF_INET6) {
        *addr = (struct rule_addr){.kind = ADDR_NET6, .prefix = 128};
        memcpy(addr->bytes, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
    }
    return family == AF_INET || family == AF_INET6;
}

static unsigned bits_of_mask(const struct sockaddr *mask)
{
    struct rule_addr addr;
    unsigned bits = 0;

    if (!address_of_socket(mask, &addr))
        return 128;
    for (size_t i = 0; i < sizeof(addr.bytes); i++)
        bits += (unsigned)__builtin_popcount(addr.bytes[i]);
    return bits;
}

/* The address of an interface as the modifiers ask for it. False: there is none. */
static bool modified_address(const struct ifaddrs *ifa, const struct pf_modifiers *modifiers,
                             struct rule_addr *addr)
{
    const struct sockaddr *sa = ifa->ifa_addr;
    unsigned bits;

    if (modifiers->broadcast)
        sa = ifa->ifa_flags & IFF_BROADCAST ? ifa->ifa_broadaddr : NULL;
    if (modifiers->peer)
        sa = ifa->ifa_flags & IFF_POINTOPOINT ? ifa->ifa_dstaddr : NULL;
    if (!address_of_socket(sa, addr))
        return false;
    bits = bits_of_mask(ifa->ifa_netmask);
    if (modifiers->network && bits < addr->prefix)
        addr->prefix = (uint8_t)bits;
    clear_bits_behind(addr, addr->kind == ADDR_NET4 ? 32 : 128);
    return !modifiers->broadcast || addr->kind == ADDR_NET4;
}

bool pf_is_link_local(const struct rule_addr *addr)
{
    return addr->kind == ADDR_NET6 && addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

size_t pf_interface_addresses(const char *name, const struct pf_modifiers *modifiers, int family,
                              pf_address_adder *add, void *context)
{
    bool had4 = false, had6 = false;
    struct ifaddrs *all = NULL;
    struct rule_addr addr;
    size_t count = 0;

    if (getifaddrs(&all) < 0)
        return 0;
    for (struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next) {
        bool *had;

        if ((name && strcmp(ifa->ifa_name, name) != 0) ||
            !modified_address(ifa, modifiers, &addr) ||
            (family && family != pf_address_family(&addr)))
            continue;
        had = addr.kind == ADDR_NET4 ? &had4 : &had6;
        if (modifiers->first && (*had || pf_is_link_local(&addr)))
            continue;
        *had = true;
        add(context, &addr);
        count++;
    }
    freeifaddrs(all);
    return count;
}

size_t pf_host_addresses(const char *name, int family, pf_address_adder *add, void *context)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM,
                             .ai_family = family == 4   ? AF_INET
                                          : family == 6 ? AF_INET6
                                                        : AF_UNSPEC};
    struct addrinfo *found = NULL;
    struct rule_addr addr;
    size_t count = 0;

    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return 0;
    for (struct addrinfo *ai = found; ai; ai = ai->ai_next) {
        if (!address_of_socket(ai->ai_addr, &addr))
            continue;
        add(context, &addr);
        count++;
    }
    freeaddrinfo(found);
    return count;
}

static bool bits_are(const uint8_t *bytes, unsigned from, unsigned to, bool value)
{
    for (unsigned bit = from; bit < to; bit++) {
        if (!!(bytes[bit / 8] & 0x80 >> bit % 8) != value)
            return false;
    }
    return true;
}

/* Adds one to the first BITS bits, and clears the rest. False: there is nothing above. */
static bool next_network(uint8_t *bytes, unsigned bits)
{
    while (bits-- > 0) {
        uint8_t mask = (uint8_t)(0x80u >> bits % 8);

        bytes[bits / 8] ^= mask;
        if (bytes[bits / 8] & mask)
            return true;
    }
    return false;
}

/* Does the network of that length at the beginning of FROM end at or before TO? */
static bool network_fits(const struct rule_addr *from, const struct rule_addr *to, unsigned prefix,
                         unsigned bits)
{
    uint8_t last[16];

    memcpy(last, from->bytes, sizeof(last));
    for (unsigned bit = prefix; bit < bits; bit++)
        last[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
    return bits_are(from->bytes, prefix, bits, false) && memcmp(last, to->bytes, bits / 8) <= 0;
}

size_t pf_range_addresses(const struct rule_addr *from, const struct rule_addr *to,
                          pf_address_adder *add, void *context)
{
    unsigned bits = from->kind == ADDR_NET4 ? 32 : 128;
    struct rule_addr addr = *from;
    size_t count = 0;

    if (from->kind != to->kind)
        return 0;
    while (memcmp(addr.bytes, to->bytes, bits / 8) <= 0) {
        unsigned prefix = bits;

        while (prefix && network_fits(&addr, to, prefix - 1, bits))
            prefix--;
        addr.prefix = (uint8_t)prefix;
        add(context, &addr);
        count++;
        if (!next_network(addr.bytes, prefix))
            break;
    }
    return count;
}
