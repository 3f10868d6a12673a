#include "nat_table.h"

#include <netinet/in_systm.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAPPINGS_MAX 65536u
#define BUCKETS      16384u /* a power of two */
#define FRAGMENTS    256u

/* Seconds. The TCP ones are the least that RFC 5382 allows. */
#define TCP_OPENING_SECONDS 240
#define TCP_OPEN_SECONDS    7440
#define TCP_CLOSING_SECONDS 240
#define TCP_CLOSED_SECONDS  30
#define UDP_SECONDS         60
#define ICMP_SECONDS        60
#define FRAGMENT_SECONDS    30

#define FIRST_FREE_PORT 1024u
#define LAST_PORT       65535u

LIST_HEAD(bucket, mapping);

struct fragment {
    in_addr_t source, inside;
    u_short id;
    u_char protocol;
    time_t expires;
};

static struct bucket inside_buckets[BUCKETS], alias_buckets[BUCKETS];
static struct fragment fragments[FRAGMENTS];
static unsigned mappings, next_fragment, next_port = FIRST_FREE_PORT;
static time_t clock_now;

static unsigned hash(u_char protocol, struct endpoint a, struct endpoint b)
{
    uint32_t h = protocol * 0x9e3779b1u;

    h = (h ^ a.address) * 0x85ebca6bu;
    h = (h ^ h >> 15 ^ a.port) * 0xc2b2ae35u;
    h = (h ^ h >> 13 ^ b.address) * 0x85ebca6bu;
    h = (h ^ h >> 15 ^ b.port) * 0xc2b2ae35u;
    return (h ^ h >> 16) & (BUCKETS - 1);
}

static struct bucket *inside_bucket(u_char protocol, struct endpoint inside, struct endpoint remote)
{
    return &inside_buckets[hash(protocol, inside, remote)];
}

static struct bucket *alias_bucket(u_char protocol, struct endpoint remote, in_port_t alias_port)
{
    struct endpoint alias = {INADDR_ANY, alias_port};

    return &alias_buckets[hash(protocol, remote, alias)];
}

static int same_endpoint(struct endpoint a, struct endpoint b)
{
    return a.address == b.address && a.port == b.port;
}

static void mapping_remove(struct mapping *mapping)
{
    LIST_REMOVE(mapping, by_inside);
    LIST_REMOVE(mapping, by_alias);
    free(mapping);
    mappings--;
}

static void remove_expired(void)
{
    struct mapping *mapping, *next;

    for (unsigned i = 0; i < BUCKETS; i++) {
        for (mapping = LIST_FIRST(&inside_buckets[i]); mapping != NULL; mapping = next) {
            next = LIST_NEXT(mapping, by_inside);
            if (mapping->expires <= clock_now)
                mapping_remove(mapping);
        }
    }
}

void table_set_time(time_t now)
{
    if (now == clock_now)
        return;
    clock_now = now;
    if (mappings > 0)
        remove_expired();
}

struct mapping *table_find_outgoing(u_char protocol, struct endpoint inside, struct endpoint remote)
{
    struct mapping *mapping;

    LIST_FOREACH(mapping, inside_bucket(protocol, inside, remote), by_inside)
    {
        if (mapping->protocol == protocol && same_endpoint(mapping->inside, inside) &&
            same_endpoint(mapping->remote, remote))
            return mapping;
    }
    return NULL;
}

struct mapping *table_find_incoming(u_char protocol, struct endpoint remote, in_port_t alias_port)
{
    struct mapping *mapping;

    LIST_FOREACH(mapping, alias_bucket(protocol, remote, alias_port), by_alias)
    {
        if (mapping->protocol == protocol && mapping->alias_port == alias_port &&
            same_endpoint(mapping->remote, remote))
            return mapping;
    }
    return NULL;
}

/* A port free towards the remote end, the wanted one if possible; 0 if none is. */
static in_port_t free_alias_port(u_char protocol, struct endpoint remote, in_port_t wanted)
{
    in_port_t port = wanted;

    for (unsigned tries = FIRST_FREE_PORT; tries <= LAST_PORT; tries++) {
        if (port != 0 && table_find_incoming(protocol, remote, port) == NULL)
            return port;
        port = htons((in_port_t)next_port);
        next_port = next_port == LAST_PORT ? FIRST_FREE_PORT : next_port + 1;
    }
    return 0;
}

struct mapping *table_add(u_char protocol, struct endpoint inside, struct endpoint remote)
{
    in_port_t alias_port = free_alias_port(protocol, remote, inside.port);
    struct mapping *mapping;

    if (alias_port == 0 || mappings >= MAPPINGS_MAX)
        return NULL;
    mapping = calloc(1, sizeof(*mapping));
    if (mapping == NULL)
        return NULL;
    mapping->protocol = protocol;
    mapping->inside = inside;
    mapping->remote = remote;
    mapping->alias_port = alias_port;
    LIST_INSERT_HEAD(inside_bucket(protocol, inside, remote), mapping, by_inside);
    LIST_INSERT_HEAD(alias_bucket(protocol, remote, alias_port), mapping, by_alias);
    mappings++;
    table_refresh(mapping);
    return mapping;
}

static time_t tcp_lifetime(u_char seen)
{
    const u_char both_fins = MAPPING_FIN_OUT | MAPPING_FIN_IN;

    if ((seen & MAPPING_RESET) || (seen & both_fins) == both_fins)
        return TCP_CLOSED_SECONDS;
    if (seen & both_fins)
        return TCP_CLOSING_SECONDS;
    return seen & MAPPING_ANSWERED ? TCP_OPEN_SECONDS : TCP_OPENING_SECONDS;
}

void table_refresh(struct mapping *mapping)
{
    time_t seconds = UDP_SECONDS;

    if (mapping->protocol == IPPROTO_TCP)
        seconds = tcp_lifetime(mapping->tcp_seen);
    else if (mapping->protocol == IPPROTO_ICMP)
        seconds = ICMP_SECONDS;
    mapping->expires = clock_now + seconds;
}

void table_note_tcp(struct mapping *mapping, u_char flags, int incoming)
{
    if (flags & TH_SYN && !incoming)
        mapping->tcp_seen = 0; /* the port is used again */
    if (incoming)
        mapping->tcp_seen |= MAPPING_ANSWERED;
    if (flags & TH_FIN)
        mapping->tcp_seen |= incoming ? MAPPING_FIN_IN : MAPPING_FIN_OUT;
    if (flags & TH_RST)
        mapping->tcp_seen |= MAPPING_RESET;
    table_refresh(mapping);
}

void table_note_fragment(in_addr_t source, u_char protocol, u_short id, in_addr_t inside)
{
    struct fragment *fragment = &fragments[next_fragment];

    next_fragment = (next_fragment + 1) % FRAGMENTS;
    fragment->source = source;
    fragment->protocol = protocol;
    fragment->id = id;
    fragment->inside = inside;
    fragment->expires = clock_now + FRAGMENT_SECONDS;
}

in_addr_t table_find_fragment(in_addr_t source, u_char protocol, u_short id)
{
    for (unsigned i = 1; i <= FRAGMENTS; i++) {
        const struct fragment *fragment = &fragments[(next_fragment + FRAGMENTS - i) % FRAGMENTS];

        if (fragment->expires > clock_now && fragment->source == source &&
            fragment->protocol == protocol && fragment->id == id)
            return fragment->inside;
    }
    return INADDR_ANY;
}
