/*
 * divert_loop: the loop of a BSD divert program, for the benchmark: waits in select(),
 * reads a packet, writes it back.
 *
 *     divert_loop PORT
 */
#include "meter.h"

#include <netinet/in.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 50

static unsigned char packet[65536];

static int open_divert(unsigned short port)
{
    struct sockaddr_in sin;
    int fd = socket(PF_INET, SOCK_RAW, IPPROTO_DIVERT);

    if (fd == -1)
        err(1, "socket");
    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
        err(1, "bind to divert port %u", port);
    return fd;
}

static void pass_one(int fd)
{
    struct sockaddr_in sin;
    socklen_t sin_len = sizeof(sin);
    ssize_t len;

    len = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&sin, &sin_len);
    if (len == -1 && errno != EINTR)
        err(1, "recvfrom");
    if (len == -1)
        return;
    if (sendto(fd, packet, (size_t)len, 0, (struct sockaddr *)&sin, sin_len) == -1)
        err(1, "sendto");
    meter_count();
}

int main(int argc, char *argv[])
{
    int fd;

    if (argc != 2)
        errx(2, "usage: divert_loop port");
    meter_init();
    fd = open_divert((unsigned short)strtoul(argv[1], NULL, 10));
    while (!meter_stop) {
        struct timeval timeout = {.tv_sec = 0, .tv_usec = WAIT_MS * 1000};
        fd_set readable;
        int ready;

        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        ready = select(fd + 1, &readable, NULL, NULL, &timeout);
        if (ready > 0)
            pass_one(fd);
        else if (ready == -1 && errno != EINTR)
            err(1, "select");
    }
    meter_report();
    return 0;
}
