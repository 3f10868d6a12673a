/*
 * divertshim: <linux/icmp.h>, in which __unused is a name and not what <sys/cdefs.h> makes of it.
 * It goes together with <netinet/ip_icmp.h>, of which the first has struct icmphdr.
 */
#pragma GCC system_header
#include <sys/cdefs.h>
#pragma push_macro("__unused")
#undef __unused
#ifdef DIVERTSHIM_NETINET_IP_ICMP_H
#define icmphdr divertshim_kernel_icmphdr
#endif
#include_next <linux/icmp.h>
#undef icmphdr
#pragma pop_macro("__unused")
