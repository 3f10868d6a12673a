/*
 * divertshim: <sys/sysctl.h> of FreeBSD. The functions are in libdivertshim; divertshim(7) lists
 * the names they know.
 */
#ifndef DIVERTSHIM_SYS_SYSCTL_H
#define DIVERTSHIM_SYS_SYSCTL_H

#pragma GCC system_header
#include <sys/cdefs.h>
#include <sys/queue.h>
#include <sys/types.h>

#define CTL_MAXNAME 24

#define CTL_KERN 1
#define CTL_VM   2
#define CTL_NET  4
#define CTL_HW   6

#define KERN_OSTYPE    1
#define KERN_OSRELEASE 2
#define KERN_VERSION   4
#define KERN_HOSTNAME  10

#define HW_MACHINE  1
#define HW_NCPU     3
#define HW_PAGESIZE 7

/* CTL_NET, PF_ROUTE, 0, address family, these, interface index */
#define NET_RT_DUMP   1
#define NET_RT_FLAGS  2
#define NET_RT_IFLIST 3

/* CTL_NET, PF_INET, IPPROTO_IP, these */
#define IPCTL_FORWARDING    1
#define IPCTL_SENDREDIRECTS 2
#define IPCTL_DEFTTL        3

__BEGIN_DECLS
int sysctl(const int *name, u_int namelen, void *oldp, size_t *oldlenp, const void *newp,
           size_t newlen);
int sysctlbyname(const char *name, void *oldp, size_t *oldlenp, const void *newp, size_t newlen);
int sysctlnametomib(const char *name, int *mibp, size_t *sizep);
__END_DECLS

#endif
