/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream: one TCP connection, as fast as it goes.
 *
 *     stream -s SECONDS [-c CPU] ADDRESS PORT     sends for that long
 *     stream -l [-u] [-c CPU] PORT                takes one connection and prints what came:
 *                                                 "bytes=N wall_ns=N"; with -u the kernel discards
 *                                                 the bytes unread
 */
#include "tool.h"

#include <err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BLOCK     (256 * 1024)
#define TIMEOUT   30 /* seconds: the most that a test may take */
#define STALL_SEC 5  /* without a byte taken */

static char block[BLOCK];

static void sink(const char *port, int unread)
{
    struct sockaddr_in sin = parse_address("0.0.0.0", port);
    int64_t begin, bytes = 0;
    ssize_t len;
    int on = 1, fd, connection;

    fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 || listen(fd, 1) == -1)
        err(1, "listen on port %s", port);
    alarm(TIMEOUT);
    connection = accept(fd, NULL, NULL);
    if (connection == -1)
        err(1, "accept");
    begin = now_ns();
    while ((len = recv(connection, block, sizeof(block), unread ? MSG_TRUNC : 0)) > 0)
        bytes += len;
    if (len == -1)
        err(1, "recv");
    printf("bytes=%lld wall_ns=%lld\n", (long long)bytes, (long long)(now_ns() - begin));
}

static void source(const char *address, const char *port, int64_t ns)
{
    struct sockaddr_in sin = parse_address(address, port);
    struct timeval stall = {.tv_sec = STALL_SEC};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int64_t end;

    alarm(TIMEOUT);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof(stall));
    if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
        err(1, "connect to %s", address);
    end = now_ns() + ns;
    while (now_ns() < end) {
        if (send(fd, block, sizeof(block), MSG_NOSIGNAL) == -1)
            err(1, "send");
    }
}

int main(int argc, char *argv[])
{
    int64_t ns = 0;
    int option, listening = 0, unread = 0;

    while ((option = getopt(argc, argv, "c:ls:u")) != -1) {
        if (option == 'c')
            pin(parse_number(optarg, 1023));
        else if (option == 'l')
            listening = 1;
        else if (option == 'u')
            unread = 1;
        else if (option == 's')
            ns = parse_seconds(optarg);
    }
    if (listening && optind == argc - 1)
        sink(argv[optind], unread);
    else if (!listening && ns != 0 && optind == argc - 2)
        source(argv[optind], argv[optind + 1], ns);
    else
        errx(2, "usage: stream -s seconds [-c cpu] address port | stream -l [-u] [-c cpu] port");
    return 0;
}
