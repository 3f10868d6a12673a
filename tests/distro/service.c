/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What divert programs do as services: gives up root in an empty root directory, goes to the
 * background, and then injects an incoming packet for each that it reads, before it writes that one
 * back.
 *
 *     service PORT DIRECTORY INTERFACE
 *
 * The injected packet is the one that was read, with INTERFACE as its receiving interface.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/in_systm.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <err.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOBODY 65534

static void give_up_root(const char *directory)
{
    if (chroot(directory) < 0 || chdir("/") < 0)
        err(1, "chroot");
    if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
        err(1, "setuid");
}

static void write_twice(int fd, const char *packet, size_t length, struct sockaddr_in *from,
                        const char *name)
{
    struct sockaddr_in incoming = {.sin_family = AF_INET, .sin_port = from->sin_port};

    inet_pton(AF_INET, "192.0.2.1", &incoming.sin_addr);
    strncpy((char *)incoming.sin_zero, name, sizeof(incoming.sin_zero) - 1);
    if (sendto(fd, packet, length, 0, (struct sockaddr *)&incoming, sizeof(incoming)) < 0)
        warn("inject");
    if (sendto(fd, packet, length, 0, (struct sockaddr *)from, sizeof(*from)) < 0)
        warn("write");
    printf("%zu bytes as uid %d\n", length, (int)getuid());
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static char packet[IP_MAXPACKET];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size;
    ssize_t length;
    int fd;

    if (argc != 4)
        errx(2, "usage: service PORT DIRECTORY INTERFACE");
    address.sin_port = htons((in_port_t)atoi(argv[1]));
    fd = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        err(1, "divert socket");
    if (daemon(0, 1) < 0)
        err(1, "daemon");
    give_up_root(argv[2]);
    for (;;) {
        size = sizeof(address);
        length = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&address, &size);
        if (length < 0)
            err(1, "recvfrom");
        write_twice(fd, packet, (size_t)length, &address, argv[3]);
    }
}
