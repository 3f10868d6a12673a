/* divertshim: <arpa/inet.h> with what BSD has there and glibc has not. */
#ifndef DIVERTSHIM_ARPA_INET_H
#define DIVERTSHIM_ARPA_INET_H

#pragma GCC system_header
#include <sys/cdefs.h>

#include_next <arpa/inet.h>

__BEGIN_DECLS
/* inet_ntoa(3) into the caller's buffer; NULL and ENOSPC if it is too short. */
extern char *inet_ntoa_r(struct in_addr __address, char *__buf, socklen_t __len);
__END_DECLS

#endif
