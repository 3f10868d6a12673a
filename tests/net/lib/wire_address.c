/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of wire.h that deal with addresses only. */
#include "wire.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

wire_address address_make(const char *text, in_port_t port)
{
    wire_address a;

    memset(&a, 0, sizeof(a));
#ifdef WIRE_IPV6
    a.sin6_family = FAMILY;
    ck_assert_int_eq(inet_pton(FAMILY, text, &a.sin6_addr), 1);
#else
    a.sin_family = FAMILY;
    ck_assert_int_eq(inet_pton(FAMILY, text, &a.sin_addr), 1);
#endif
    a.sin_tag = port;
    return a;
}

const char *address_text(const wire_address *address)
{
    static char text[INET6_ADDRSTRLEN];

#ifdef WIRE_IPV6
    return inet_ntop(FAMILY, &address->sin6_addr, text, sizeof(text));
#else
    return inet_ntop(FAMILY, &address->sin_addr, text, sizeof(text));
#endif
}

void expect_interface(const wire_address *address, const char *name)
{
#ifdef WIRE_IPV6
    (void)address;
    (void)name;
#else
    char got[sizeof(address->sin_zero) + 1] = {0};

    memcpy(got, address->sin_zero, sizeof(address->sin_zero));
    ck_assert_str_eq(got, name);
#endif
}

unsigned packet_id(const uint8_t *packet)
{
    const uint8_t *at = packet + (FAMILY == AF_INET ? 4 : 2);

    return (unsigned)(at[0] << 8 | at[1]);
}

int udp_socket(uint16_t port)
{
    wire_address any = address_make(ANY, htons(port));
    int fd = socket(FAMILY, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
    return fd;
}

void udp_send(int fd, const char *to, uint16_t port, const void *data, size_t len)
{
    wire_address a = address_make(to, htons(port));

    ck_assert_int_eq(sendto(fd, data, len, 0, (struct sockaddr *)&a, sizeof(a)), (ssize_t)len);
}
