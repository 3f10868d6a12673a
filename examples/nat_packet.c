#include "nat_packet.h"
#include "nat_table.h"

#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <stdint.h>
#include <string.h>

/* Offsets of fields from the beginning of the transport header. */
#define SOURCE_PORT      0u
#define DESTINATION_PORT 2u
#define TCP_FLAGS        13u
#define TCP_CHECKSUM     16u
#define UDP_CHECKSUM     6u
#define ICMP_CHECKSUM    2u
#define ICMP_ID          4u
#define ICMP_HEADER_LEN  8u

enum end { SOURCE, DESTINATION };

/* A packet taken apart. In a quoted packet the transport header may be cut short. */
struct view {
    struct ip *ip;
    u_char *transport;    /* NULL in a later fragment */
    size_t transport_len; /* bytes present */
};

static uint16_t load16(const u_char *field)
{
    uint16_t value;

    memcpy(&value, field, sizeof(value));
    return value;
}

static void store16(u_char *field, uint16_t value)
{
    memcpy(field, &value, sizeof(value));
}

/* RFC 1624, equation 3. Sums are the same in either byte order. */
static uint16_t checksum_adjust(uint16_t checksum, uint16_t old, uint16_t changed)
{
    uint32_t sum = (uint16_t)~checksum + (uint16_t)~old + (uint32_t)changed;

    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static uint16_t checksum_adjust32(uint16_t checksum, uint32_t old, uint32_t changed)
{
    checksum = checksum_adjust(checksum, (uint16_t)old, (uint16_t)changed);
    return checksum_adjust(checksum, (uint16_t)(old >> 16), (uint16_t)(changed >> 16));
}

/* The sum of len bytes, len even or the end of the message. */
static uint16_t sum16(const u_char *data, size_t len)
{
    uint64_t sum = 0;

    for (; len >= 2; data += 2, len -= 2)
        sum += load16(data);
    if (len == 1) {
        const u_char last[2] = {*data, 0};

        sum += load16(last);
    }
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* -1 if there is no whole IPv4 header. */
static int view_packet(struct view *view, u_char *packet, size_t len)
{
    struct ip *ip = (struct ip *)(void *)packet;
    size_t header_len;

    if (len < sizeof(*ip) || ip->ip_v != 4)
        return -1;
    header_len = ip->ip_hl * 4u;
    if (header_len < sizeof(*ip) || header_len > len)
        return -1;
    view->ip = ip;
    view->transport = (ntohs(ip->ip_off) & IP_OFFMASK) == 0 ? packet + header_len : NULL;
    view->transport_len = len - header_len;
    return 0;
}

static int icmp_type(const struct view *view)
{
    return view->transport[0];
}

static int is_icmp_error(const struct view *view)
{
    switch (icmp_type(view)) {
    case ICMP_UNREACH:
    case ICMP_SOURCEQUENCH:
    case ICMP_TIMXCEED:
    case ICMP_PARAMPROB:
        return 1;
    default:
        return 0;
    }
}

/*
 * The field that holds the port of one end, or the identifier of an ICMP query,
 * which belongs to the end that asks. NULL if the packet has none.
 */
static u_char *port_field(const struct view *view, enum end end)
{
    if (view->transport == NULL || view->transport_len < ICMP_HEADER_LEN)
        return NULL;
    switch (view->ip->ip_p) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
        return view->transport + (end == SOURCE ? SOURCE_PORT : DESTINATION_PORT);
    case IPPROTO_ICMP:
        if (icmp_type(view) == (end == SOURCE ? ICMP_ECHO : ICMP_ECHOREPLY))
            return view->transport + ICMP_ID;
        return NULL;
    default:
        return NULL;
    }
}

/* The transport checksum; NULL if it is not there or, with UDP, not used. */
static u_char *checksum_field(const struct view *view)
{
    size_t offset;

    switch (view->ip->ip_p) {
    case IPPROTO_TCP:
        offset = TCP_CHECKSUM;
        break;
    case IPPROTO_UDP:
        offset = UDP_CHECKSUM;
        break;
    case IPPROTO_ICMP:
        offset = ICMP_CHECKSUM;
        break;
    default:
        return NULL;
    }
    if (view->transport == NULL || view->transport_len < offset + 2)
        return NULL;
    if (view->ip->ip_p == IPPROTO_UDP && load16(view->transport + offset) == 0)
        return NULL;
    return view->transport + offset;
}

static void store_checksum(const struct view *view, u_char *field, uint16_t checksum)
{
    if (view->ip->ip_p == IPPROTO_UDP && checksum == 0)
        checksum = 0xffff; /* 0 means that there is no checksum */
    store16(field, checksum);
}

static void set_address(const struct view *view, enum end end, in_addr_t address)
{
    struct in_addr *field = end == SOURCE ? &view->ip->ip_src : &view->ip->ip_dst;
    u_char *checksum = view->ip->ip_p == IPPROTO_ICMP ? NULL : checksum_field(view);
    in_addr_t old = field->s_addr;

    field->s_addr = address;
    view->ip->ip_sum = checksum_adjust32(view->ip->ip_sum, old, address);
    if (checksum != NULL)
        store_checksum(view, checksum, checksum_adjust32(load16(checksum), old, address));
}

static void set_port(const struct view *view, enum end end, in_port_t port)
{
    u_char *field = port_field(view, end), *checksum = checksum_field(view);
    in_port_t old = load16(field);

    store16(field, port);
    if (checksum != NULL)
        store_checksum(view, checksum, checksum_adjust(load16(checksum), old, port));
}

/* ICMP queries have one identifier for both ends: the mapping keeps it at the inside end. */
static struct endpoint endpoint_of(const struct view *view, enum end end)
{
    const u_char *port = port_field(view, end);
    struct endpoint endpoint;

    endpoint.address = end == SOURCE ? view->ip->ip_src.s_addr : view->ip->ip_dst.s_addr;
    endpoint.port = port != NULL ? load16(port) : 0;
    return endpoint;
}

static void note_packet(struct mapping *mapping, const struct view *view, int incoming)
{
    if (view->ip->ip_p == IPPROTO_TCP && view->transport_len > TCP_FLAGS)
        table_note_tcp(mapping, view->transport[TCP_FLAGS], incoming);
    else
        table_refresh(mapping);
}

static struct mapping *find_or_add(const struct view *view)
{
    struct endpoint inside = endpoint_of(view, SOURCE), remote = endpoint_of(view, DESTINATION);
    struct mapping *mapping = table_find_outgoing(view->ip->ip_p, inside, remote);

    return mapping != NULL ? mapping : table_add(view->ip->ip_p, inside, remote);
}

/*
 * The packet quoted in an ICMP error went the other way: its source is the
 * error's destination. Rewrites that end of it to address and port, and adjusts
 * the error's checksum.
 */
static void rewrite_quoted(const struct view *error, const struct view *quoted, enum end end,
                           struct endpoint to)
{
    u_char *quoted_bytes = error->transport + ICMP_HEADER_LEN;
    size_t quoted_len = error->transport_len - ICMP_HEADER_LEN;
    u_char *checksum = error->transport + ICMP_CHECKSUM;
    uint16_t before = sum16(quoted_bytes, quoted_len);

    set_port(quoted, end, to.port);
    set_address(quoted, end, to.address);
    store16(checksum, checksum_adjust(load16(checksum), before, sum16(quoted_bytes, quoted_len)));
}

/* -1 if the error quotes nothing that has ports. */
static int view_quoted(struct view *quoted, const struct view *error, enum end end)
{
    if (error->transport_len <= ICMP_HEADER_LEN ||
        view_packet(quoted, error->transport + ICMP_HEADER_LEN,
                    error->transport_len - ICMP_HEADER_LEN) == -1)
        return -1;
    return port_field(quoted, end) != NULL ? 0 : -1;
}

/* An inside host reports on a packet that had come to it through the NAT. */
static void error_outgoing(const struct view *error, in_addr_t alias)
{
    struct view quoted;
    struct mapping *mapping;
    struct endpoint to;

    if (view_quoted(&quoted, error, DESTINATION) == -1)
        return;
    mapping = table_find_outgoing(quoted.ip->ip_p, endpoint_of(&quoted, DESTINATION),
                                  endpoint_of(&quoted, SOURCE));
    if (mapping == NULL)
        return;
    to.address = alias;
    to.port = mapping->alias_port;
    rewrite_quoted(error, &quoted, DESTINATION, to);
    set_address(error, SOURCE, alias);
}

/* A host outside reports on a packet that the NAT had translated. */
static void error_incoming(const struct view *error, in_addr_t alias)
{
    struct view quoted;
    struct mapping *mapping;
    struct endpoint source;

    if (view_quoted(&quoted, error, SOURCE) == -1)
        return;
    source = endpoint_of(&quoted, SOURCE);
    if (source.address != alias)
        return;
    mapping = table_find_incoming(quoted.ip->ip_p, endpoint_of(&quoted, DESTINATION), source.port);
    if (mapping == NULL)
        return;
    rewrite_quoted(error, &quoted, SOURCE, mapping->inside);
    set_address(error, DESTINATION, mapping->inside.address);
}

static int is_translatable_error(const struct view *view)
{
    return view->ip->ip_p == IPPROTO_ICMP && view->transport != NULL &&
           view->transport_len >= ICMP_HEADER_LEN && is_icmp_error(view);
}

static int is_unicast(in_addr_t address)
{
    return address != INADDR_ANY && !IN_MULTICAST(ntohl(address)) && address != INADDR_BROADCAST;
}

enum verdict nat_outgoing(struct ip *packet, size_t len, in_addr_t alias)
{
    struct view view;
    struct mapping *mapping;

    if (view_packet(&view, (u_char *)packet, len) == -1)
        return VERDICT_DROP;
    if (!is_unicast(packet->ip_src.s_addr) || !is_unicast(packet->ip_dst.s_addr))
        return VERDICT_PASS;
    if (view.transport == NULL) {
        set_address(&view, SOURCE, alias); /* the first fragment has the ports */
        return VERDICT_PASS;
    }
    if (is_translatable_error(&view))
        error_outgoing(&view, alias);
    if (port_field(&view, SOURCE) == NULL)
        return VERDICT_PASS;
    mapping = find_or_add(&view);
    if (mapping == NULL)
        return VERDICT_DROP;
    set_port(&view, SOURCE, mapping->alias_port);
    set_address(&view, SOURCE, alias);
    note_packet(mapping, &view, 0);
    return VERDICT_PASS;
}

static enum verdict later_fragment_incoming(const struct view *view)
{
    const struct ip *ip = view->ip;
    in_addr_t inside = table_find_fragment(ip->ip_src.s_addr, ip->ip_p, ip->ip_id);

    if (inside != INADDR_ANY)
        set_address(view, DESTINATION, inside);
    return VERDICT_PASS;
}

enum verdict nat_incoming(struct ip *packet, size_t len, in_addr_t alias)
{
    struct view view;
    struct mapping *mapping;
    u_char *alias_port;

    if (view_packet(&view, (u_char *)packet, len) == -1)
        return VERDICT_DROP;
    if (packet->ip_dst.s_addr != alias)
        return VERDICT_PASS;
    if (view.transport == NULL)
        return later_fragment_incoming(&view);
    if (is_translatable_error(&view))
        error_incoming(&view, alias);
    alias_port = port_field(&view, DESTINATION);
    if (alias_port == NULL)
        return VERDICT_PASS;
    mapping = table_find_incoming(packet->ip_p, endpoint_of(&view, SOURCE), load16(alias_port));
    if (mapping == NULL)
        return VERDICT_PASS;
    if (ntohs(packet->ip_off) & IP_MF)
        table_note_fragment(packet->ip_src.s_addr, packet->ip_p, packet->ip_id,
                            mapping->inside.address);
    set_port(&view, DESTINATION, mapping->inside.port);
    set_address(&view, DESTINATION, mapping->inside.address);
    note_packet(mapping, &view, 1);
    return VERDICT_PASS;
}
