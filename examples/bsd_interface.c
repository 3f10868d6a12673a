#include <sys/cdefs.h>
__FBSDID("$divertshim$");

#include "bsd_interface.h"

#include <sys/socket.h>
#include <sys/sysctl.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/route.h>

#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * All interfaces with their IPv4 addresses, as routing messages. The caller
 * frees them.
 */
static char *interface_list(size_t *len)
{
    int mib[6] = {CTL_NET, PF_ROUTE, 0, AF_INET, NET_RT_IFLIST, 0};
    char *list;

    if (sysctl(mib, 6, NULL, len, NULL, 0) == -1)
        err(1, "size of the interface list");
    list = malloc(*len);
    if (list == NULL)
        err(1, "interface list");
    if (sysctl(mib, 6, list, len, NULL, 0) == -1 && errno != ENOMEM)
        err(1, "interface list");
    return list;
}

static int has_name(const struct if_msghdr *ifm, const char *name)
{
    const struct sockaddr_dl *sdl = (const struct sockaddr_dl *)(const void *)(ifm + 1);

    return sdl->sdl_family == AF_LINK && sdl->sdl_nlen == strlen(name) &&
           memcmp(sdl->sdl_data, name, sdl->sdl_nlen) == 0;
}

static void take_addresses(const struct ifa_msghdr *ifam, struct bsd_interface *found)
{
    const char *p = (const char *)(ifam + 1);
    int i;

    for (i = 0; i < RTAX_MAX; i++) {
        const struct sockaddr_in *sin = (const struct sockaddr_in *)(const void *)p;

        if ((ifam->ifam_addrs & (1 << i)) == 0)
            continue;
        if (i == RTAX_NETMASK)
            found->netmask = sin->sin_addr;
        else if (i == RTAX_IFA && sin->sin_family == AF_INET)
            found->address = sin->sin_addr;
        p += SA_SIZE((const struct sockaddr *)sin);
    }
}

/*
 * The messages of an interface are one RTM_IFINFO and, after it, one
 * RTM_NEWADDR an address.
 */
void interface_look_up(const char *name, struct bsd_interface *found)
{
    size_t len;
    char *list = interface_list(&len), *next, *end = list + len;
    int is_it = 0;

    memset(found, 0, sizeof(*found));
    for (next = list; next < end;) {
        const struct if_msghdr *ifm = (const struct if_msghdr *)(const void *)next;

        next += ifm->ifm_msglen;
        if (ifm->ifm_version != RTM_VERSION)
            continue;
        if (ifm->ifm_type == RTM_IFINFO) {
            is_it = has_name(ifm, name);
            if (is_it) {
                found->index = ifm->ifm_index;
                found->mtu = (int)ifm->ifm_data.ifi_mtu;
            }
        } else if (ifm->ifm_type == RTM_NEWADDR && is_it && found->address.s_addr == INADDR_ANY) {
            take_addresses((const struct ifa_msghdr *)(const void *)ifm, found);
        }
    }
    free(list);
}

int interface_open_news(void)
{
    int fd = socket(PF_ROUTE, SOCK_RAW, 0);

    if (fd == -1)
        err(1, "routing socket");
    return fd;
}

/* All messages about interfaces have their index in the same place. */
int interface_news(int fd, int index)
{
    struct if_msghdr ifm;
    ssize_t len = read(fd, &ifm, sizeof(ifm));

    if (len == -1) {
        if (errno != EINTR)
            err(1, "routing socket");
        return 0;
    }
    if (ifm.ifm_version != RTM_VERSION)
        return 0;
    switch (ifm.ifm_type) {
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_IFINFO:
        return ifm.ifm_index == index;
    default:
        return 0;
    }
}

u_short interface_divert_port(const char *text)
{
    const struct servent *service = getservbyname(text, "divert");
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (service != NULL)
        return (u_short)service->s_port;
    if (*text == '\0' || *end != '\0' || port < 1 || port > 65535)
        errx(2, "neither a port nor a service of divert: %s", text);
    return htons((u_short)port);
}

int interface_open_divert(u_short port)
{
    struct sockaddr_in sin;
    int fd = socket(PF_INET, SOCK_RAW, IPPROTO_DIVERT);

    if (fd == -1)
        err(1, "divert socket");
    memset(&sin, 0, sizeof(sin));
    sin.sin_len = sizeof(sin);
    sin.sin_family = AF_INET;
    sin.sin_port = port;
    if (bind(fd, (struct sockaddr *)&sin, sin.sin_len) == -1)
        err(1, "bind to divert port %u", ntohs(port));
    return fd;
}
