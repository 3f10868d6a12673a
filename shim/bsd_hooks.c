/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions of BSD's C library that Linux lacks or defines differently, and entries that its lists
 * of services and protocols lack.
 */
#include "hook.h"

#include "bsd/sysctl.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#define NATD_PORT 8668

HOOK int sysctl(const int *mib, unsigned count, void *value, size_t *len, const void *new,
                size_t new_len);
HOOK int sysctlbyname(const char *name, void *value, size_t *len, const void *new, size_t new_len);
HOOK int sysctlnametomib(const char *name, int *mib, size_t *count);

int sysctl(const int *mib, unsigned count, void *value, size_t *len, const void *new,
           size_t new_len)
{
    struct sysctl_old old = {value, len};

    return (int)as_result(sysctl_by_mib(mib, count, &old, new, new_len));
}

int sysctlbyname(const char *name, void *value, size_t *len, const void *new, size_t new_len)
{
    struct sysctl_old old = {value, len};

    return (int)as_result(sysctl_by_name(name, &old, new, new_len));
}

int sysctlnametomib(const char *name, int *mib, size_t *count)
{
    return (int)as_result(sysctl_mib_of(name, mib, count));
}

static char natd[] = "natd", divert[] = "divert";
static char *no_aliases[] = {NULL};
static struct servent natd_service;

static bool is_natd(const char *name, const char *proto)
{
    return strcmp(name, natd) == 0 && (!proto || strcmp(proto, divert) == 0);
}

static void fill_natd(struct servent *service)
{
    service->s_name = natd;
    service->s_aliases = no_aliases;
    service->s_port = htons(NATD_PORT);
    service->s_proto = divert;
}

HOOK struct servent *getservbyname(const char *name, const char *proto)
{
    struct servent *service = real.getservbyname(name, proto);

    if (service || !is_natd(name, proto))
        return service;
    fill_natd(&natd_service);
    return &natd_service;
}

HOOK int getservbyname_r(const char *name, const char *proto, struct servent *service, char *buf,
                         size_t len, struct servent **found)
{
    int err = real.getservbyname_r(name, proto, service, buf, len, found);

    if (*found || err == ERANGE || !is_natd(name, proto))
        return err;
    fill_natd(service);
    *found = service;
    return 0;
}

#define PROTOCOL_DIVERT 258

static struct protoent divert_protocol;

static void fill_divert(struct protoent *protocol)
{
    protocol->p_name = divert;
    protocol->p_aliases = no_aliases;
    protocol->p_proto = PROTOCOL_DIVERT;
}

static struct protoent *divert_entry(void)
{
    fill_divert(&divert_protocol);
    return &divert_protocol;
}

HOOK struct protoent *getprotobyname(const char *name)
{
    struct protoent *protocol = real.getprotobyname(name);

    return protocol || strcmp(name, divert) != 0 ? protocol : divert_entry();
}

HOOK struct protoent *getprotobynumber(int number)
{
    struct protoent *protocol = real.getprotobynumber(number);

    return protocol || number != PROTOCOL_DIVERT ? protocol : divert_entry();
}

HOOK int getprotobyname_r(const char *name, struct protoent *protocol, char *buf, size_t len,
                          struct protoent **found)
{
    int err = real.getprotobyname_r(name, protocol, buf, len, found);

    if (*found || err == ERANGE || strcmp(name, divert) != 0)
        return err;
    fill_divert(protocol);
    *found = protocol;
    return 0;
}

HOOK int getprotobynumber_r(int number, struct protoent *protocol, char *buf, size_t len,
                            struct protoent **found)
{
    int err = real.getprotobynumber_r(number, protocol, buf, len, found);

    if (*found || err == ERANGE || number != PROTOCOL_DIVERT)
        return err;
    fill_divert(protocol);
    *found = protocol;
    return 0;
}

#define US_PER_S 1000000u

/* glibc's fails with EINVAL for a second or more; natd calls it with ten seconds. */
HOOK useconds_t ualarm(useconds_t value, useconds_t interval)
{
    const struct itimerval new = {
        .it_interval = {(time_t)(interval / US_PER_S), (suseconds_t)(interval % US_PER_S)},
        .it_value = {(time_t)(value / US_PER_S), (suseconds_t)(value % US_PER_S)},
    };
    struct itimerval old;

    if (setitimer(ITIMER_REAL, &new, &old) < 0)
        return (useconds_t)-1;
    return (useconds_t)(old.it_value.tv_sec * US_PER_S + old.it_value.tv_usec);
}

HOOK char *inet_ntoa_r(struct in_addr address, char *buf, socklen_t len);

char *inet_ntoa_r(struct in_addr address, char *buf, socklen_t len)
{
    return (char *)inet_ntop(AF_INET, &address, buf, len);
}
