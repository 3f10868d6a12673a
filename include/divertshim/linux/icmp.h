/*
 * divertshim: <linux/icmp.h>, which uses __unused as a member's name: not with the macro of
 * <sys/cdefs.h>. It may be included together with <netinet/ip_icmp.h>: the first of them defines
 * struct icmphdr.
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
