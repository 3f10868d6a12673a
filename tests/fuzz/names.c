/* SPDX-License-Identifier: BSD-2-Clause */
/* A few services and protocols instead of the files, which would be read for every word. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stddef.h>
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
