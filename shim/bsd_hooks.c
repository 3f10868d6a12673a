/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions of BSD's C library that Linux has not, and a service that its list lacks. */
#include "hook.h"

#include "bsd/sysctl.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

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
