/*
 * The mappings of the NAT: which inside address and port stand behind which
 * port of the outside address, for each remote end. All addresses and ports in
 * network byte order; for ICMP queries the identifier takes the place of the
 * inside port and of the alias port, and the remote port is 0.
 */
#ifndef NAT_TABLE_H
#define NAT_TABLE_H

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <time.h>

struct endpoint {
    in_addr_t address;
    in_port_t port;
};

struct mapping {
    LIST_ENTRY(mapping) by_inside;
    LIST_ENTRY(mapping) by_alias;
    struct endpoint inside, remote;
    in_port_t alias_port;
    u_char protocol;
    u_char tcp_seen; /* MAPPING_*: what has been seen of a TCP connection */
    time_t expires;  /* on the clock of table_set_time() */
};

#define MAPPING_ANSWERED 0x01 /* the remote end sent something */
#define MAPPING_FIN_OUT  0x02
#define MAPPING_FIN_IN   0x04
#define MAPPING_RESET    0x08

/* Sets the time in seconds for later calls, and removes what has expired. */
void table_set_time(time_t now);

/* The mapping of a packet from inside to remote, or NULL. */
struct mapping *table_find_outgoing(u_char protocol, struct endpoint inside,
                                    struct endpoint remote);

/* The mapping of a packet from remote to the alias port, or NULL. */
struct mapping *table_find_incoming(u_char protocol, struct endpoint remote, in_port_t alias_port);

/*
 * A new mapping. Keeps the inside port as alias port if it is free towards this
 * remote end. NULL if the table is full or no port is free. The table owns it.
 */
struct mapping *table_add(u_char protocol, struct endpoint inside, struct endpoint remote);

/* Prolongs the mapping, for as long as its protocol and state allow. */
void table_refresh(struct mapping *mapping);

/* Records the TCP flags (th_flags) of a packet of this mapping. */
void table_note_tcp(struct mapping *mapping, u_char flags, int incoming);

/*
 * Later fragments carry no ports: an incoming first fragment records where it
 * goes, and those of the same source, protocol and id follow.
 * table_find_fragment() returns INADDR_ANY if there was no such first fragment.
 */
void table_note_fragment(in_addr_t source, u_char protocol, u_short id, in_addr_t inside);
in_addr_t table_find_fragment(in_addr_t source, u_char protocol, u_short id);

#endif
