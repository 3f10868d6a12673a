/* SPDX-License-Identifier: BSD-2-Clause */
/* What all the loops do: bind divert port argv[1], pass on argv[2] packets, end. */
#ifndef PASS_H
#define PASS_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static int left;

static int pass_open(int argc, char *argv[])
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_RAW, 258);

    if (argc != 3)
        exit(2);
    sin.sin_port = htons((uint16_t)atoi(argv[1]));
    left = atoi(argv[2]);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        perror("divert socket");
        exit(1);
    }
    return fd;
}

/* Called when the loop says readable; so there must be a packet. False after the last. */
static int pass_one(int fd)
{
    static char packet[65536];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    ssize_t n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size);

    if (n < 0 || sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&from, size) != n) {
        perror("passing a packet");
        exit(1);
    }
    return --left > 0;
}

#endif
