/*
 * divert_loop: the loop of a BSD divert program, for the benchmark: waits in select(), reads a
 * packet, writes it back.
 *
 *     divert_loop [-b NANOSECONDS] [-l] [-n SOCKETS] PORT
 *
 * -b spends that much CPU time on each packet. -l shares the port with other listeners. -n opens
 * that many sockets, on the ports from PORT up; with 0 it only waits.
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
#include <time.h>
#include <unistd.h>

#define WAIT_MS     50
#define SOCKETS_MAX 256

static unsigned char packet[65536];
static long burn_ns;
static int shared;

static int open_divert(unsigned port)
{
    struct sockaddr_in sin;
    int fd = socket(PF_INET, SOCK_RAW, IPPROTO_DIVERT);

    if (fd == -1)
        err(1, "socket");
    if (fd >= FD_SETSIZE)
        errx(1, "too many sockets for select()");
    if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT_LB, &shared, sizeof(shared)) == -1)
        err(1, "SO_REUSEPORT_LB");
    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((in_port_t)port);
    if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
        err(1, "bind to divert port %u", port);
    return fd;
}

static long long thread_cpu_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void burn(void)
{
    long long end = thread_cpu_ns() + burn_ns;

    while (thread_cpu_ns() < end)
        continue;
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
    if (burn_ns)
        burn();
    if (sendto(fd, packet, (size_t)len, 0, (struct sockaddr *)&sin, sin_len) == -1)
        err(1, "sendto");
    meter_count(1);
}

static void serve(const int *fds, int count)
{
    struct timeval timeout = {.tv_sec = 0, .tv_usec = WAIT_MS * 1000};
    fd_set readable;
    int ready, max = -1;

    FD_ZERO(&readable);
    for (int i = 0; i < count; i++) {
        FD_SET(fds[i], &readable);
        max = fds[i] > max ? fds[i] : max;
    }
    ready = select(max + 1, &readable, NULL, NULL, &timeout);
    if (ready == -1 && errno != EINTR)
        err(1, "select");
    for (int i = 0; ready > 0 && i < count; i++) {
        if (FD_ISSET(fds[i], &readable))
            pass_one(fds[i]);
    }
}

int main(int argc, char *argv[])
{
    int fds[SOCKETS_MAX], option, count = 1;

    while ((option = getopt(argc, argv, "b:ln:")) != -1) {
        if (option == 'b')
            burn_ns = strtol(optarg, NULL, 10);
        else if (option == 'l')
            shared = 1;
        else if (option == 'n')
            count = atoi(optarg);
    }
    if (optind != argc - 1 || count < 0 || count > SOCKETS_MAX)
        errx(2, "usage: divert_loop [-b nanoseconds] [-l] [-n sockets] port");
    meter_init();
    for (int i = 0; i < count; i++)
        fds[i] = open_divert((unsigned)atoi(argv[optind]) + (unsigned)i);
    while (!meter_stop)
        serve(fds, count);
    meter_report();
    return 0;
}
