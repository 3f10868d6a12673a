/*
 * divertshim: <netinet/ip_icmp.h> of the C library, with struct icmphdr and struct icmp, and the
 * numbers of BSD that it lacks. libbsd's has no struct icmphdr; if its headers come next in the
 * path, that one is skipped.
 */
#ifndef DIVERTSHIM_NETINET_IP_ICMP_H
#define DIVERTSHIM_NETINET_IP_ICMP_H

#pragma GCC system_header
#include <netinet/in.h>
#include <netinet/ip.h>

/* The kernel's <linux/icmp.h> has the same structure under the same name, and came first. */
#ifdef _LINUX_ICMP_H
#define icmphdr divertshim_libc_icmphdr
#endif
#pragma push_macro("__unused") /* a name in musl's: see <asm/stat.h> beside this one */
#undef __unused
#include <netpacket/../netinet/ip_icmp.h> /* only the C library has netpacket */
#pragma pop_macro("__unused")
#undef icmphdr

#define ICMP_ALTHOSTADDR       6
#define ICMP_TRACEROUTE        30
#define ICMP_DATACONVERR       31
#define ICMP_MOBILE_REDIRECT   32
#define ICMP_IPV6_WHEREAREYOU  33
#define ICMP_IPV6_IAMHERE      34
#define ICMP_MOBILE_REGREQUEST 35
#define ICMP_MOBILE_REGREPLY   36
#define ICMP_SKIP              39
#define ICMP_PHOTURIS          40

#define ICMP_ROUTERADVERT_NORMAL         0
#define ICMP_ROUTERADVERT_NOROUTE_COMMON 16
#define ICMP_PARAMPROB_ERRATPTR          0
#define ICMP_PARAMPROB_LENGTH            2
#define ICMP_PHOTURIS_UNKNOWN_INDEX      1
#define ICMP_PHOTURIS_AUTH_FAILED        2
#define ICMP_PHOTURIS_DECRYPT_FAILED     3

#endif
