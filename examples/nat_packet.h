/*
 * Rewriting packets for the NAT: addresses, ports and every checksum that
 * covers them, in the packet and in the one an ICMP error quotes.
 */
#ifndef NAT_PACKET_H
#define NAT_PACKET_H

#include <sys/types.h>
#include <netinet/in.h>
#include <netinet/in_systm.h>
#include <netinet/ip.h>

enum verdict {
    VERDICT_PASS, /* goes on, changed or not */
    VERDICT_DROP  /* no port is free for it, or its header is invalid */
};

/*
 * Translates an outgoing packet to come from alias, or an incoming one to go to
 * the inside host behind alias. packet holds len bytes and is aligned for struct
 * ip; alias is in network byte order. Packets the NAT does not know how to
 * translate, and incoming ones without a mapping, pass unchanged.
 */
enum verdict nat_outgoing(struct ip *packet, size_t len, in_addr_t alias);
enum verdict nat_incoming(struct ip *packet, size_t len, in_addr_t alias);

#endif
