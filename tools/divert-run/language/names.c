/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of ports, protocols and ICMP types by their names. */
#include "language/parser.h"

#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

/*
 * Names that are known even if /etc/services or /etc/protocols is missing, or defines them
 * differently from BSD.
 */
struct known_name {
    const char *name;
    int number;
};

static const struct known_name known_ports[] = {
    {"natd", 8668}, {"domain", 53}, {"ftp", 21},    {"ftp-data", 20}, {"http", 80},
    {"https", 443}, {"ntp", 123},   {"smtp", 25},   {"ssh", 22},      {"www", 80},
    {"mdns", 5353}, {"ssdp", 1900}, {"ntalk", 518}, {"rdp", 3389},
};

static const struct known_name known_protos[] = {
    {"icmp", IPPROTO_ICMP},
    {"tcp", IPPROTO_TCP},
    {"udp", IPPROTO_UDP},
    {"icmp6", IPPROTO_ICMPV6},
    {"ipv6-icmp", IPPROTO_ICMPV6},
    {"icmpv6", IPPROTO_ICMPV6},
    {"sctp", IPPROTO_SCTP},
    {"gre", IPPROTO_GRE},
    {"esp", IPPROTO_ESP},
    {"ah", IPPROTO_AH},
    {"carp", 112},
    {"pfsync", 240},
};

static int find_known_name(const struct known_name *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(names[i].name, name) == 0)
            return names[i].number;
    }
    return -1;
}

long long name_to_number(const char *s, unsigned long max)
{
    unsigned long long value = 0;

    if (!*s)
        return -1;
    for (; *s; s++) {
        if (!isdigit((unsigned char)*s))
            return -1;
        value = value * 10 + (unsigned long long)(*s - '0');
        if (value > max)
            return -1;
    }
    return (long long)value;
}

int name_to_port(const char *name, const char *proto)
{
    struct servent *service;
    long number = name_to_number(name, 65535);

    if (number >= 0)
        return (int)number;
    if (!isalpha((unsigned char)*name))
        return -1;
    service = getservbyname(name, proto);
    if (service)
        return ntohs((uint16_t)service->s_port);
    return find_known_name(known_ports, sizeof(known_ports) / sizeof(*known_ports), name);
}

int name_to_proto(const char *name)
{
    struct protoent *proto;
    int number = (int)name_to_number(name, 255);

    if (number >= 0)
        return number;
    number = find_known_name(known_protos, sizeof(known_protos) / sizeof(*known_protos), name);
    if (number >= 0 || !isalpha((unsigned char)*name))
        return number;
    proto = getprotobyname(name);
    return proto ? proto->p_proto : -1;
}

int name_to_icmptype(const char *name)
{
    static const struct known_name types[] = {
        {"echo-reply", 0},   {"unreachable", 3},    {"redirect", 5},
        {"echo-request", 8}, {"time-exceeded", 11},
    };
    int number = (int)name_to_number(name, 255);

    return number >= 0 ? number : find_known_name(types, sizeof(types) / sizeof(*types), name);
}
