/* SPDX-License-Identifier: BSD-2-Clause */
/* A few services, protocols and users instead of the files, which would be read for every word, and
 * no hosts. */
#include <arpa/inet.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct servent *getservbyname(const char *name, const char *proto)
{
    static char *const names[] = {"ssh", "ftp-data", "http-alt", "iso-tsap"};
    static const uint16_t ports[] = {22, 20, 8080, 102};
    static struct servent service;

    (void)proto;
    for (int i = 0; i < 4; i++) {
        service = (struct servent){.s_name = names[i], .s_port = htons(ports[i])};
        if (!strcasecmp(name, names[i]))
            return &service;
    }
    return NULL;
}

struct protoent *getprotobyname(const char *name)
{
    static struct protoent proto = {.p_name = "ospf", .p_proto = 89};

    return strcasecmp(name, proto.p_name) ? NULL : &proto;
}

struct passwd *getpwnam(const char *name)
{
    static struct passwd root;

    return strcmp(name, "root") ? NULL : &root;
}

struct group *getgrnam(const char *name)
{
    static struct group root;

    return strcmp(name, "root") ? NULL : &root;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    (void)name;
    (void)service;
    (void)hints;
    (void)found;
    return EAI_NONAME;
}
