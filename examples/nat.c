/*
 * nat: network address translation on a divert port, in the manner of natd.
 * Diverted outgoing packets leave with the address of the outside interface,
 * the answers go to the inside host they belong to.
 *
 *     nat [-b] [-p PORT] -n INTERFACE | -a ADDRESS
 *
 *         ipfw add divert 8668 ip4 from any to any via em0
 *         nat -p 8668 -n em0
 *
 * TCP, UDP and ICMP echo are translated, and ICMP errors with the packet they quote.
 */
#include "nat_packet.h"
#include "nat_table.h"

#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <ifaddrs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DIVERT_PORT 8668
#define ERRNO_KINDS 256

static union {
    struct ip ip;
    u_char bytes[IP_MAXPACKET];
} packet;

static volatile sig_atomic_t stop_wanted;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stop_wanted = 1;
}

static void catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_stop;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static void usage(void)
{
    fprintf(stderr, "usage: nat [-b | -f] [-p port] -n interface | -a address\n"
                    "  -b  go to the background    -f  stay in the foreground (default)\n");
    exit(2);
}

static unsigned short parse_port(const char *text)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || port < 1 || port > 65535)
        errx(2, "not a port: %s", text);
    return (unsigned short)port;
}

static in_addr_t parse_address(const char *text)
{
    struct in_addr address;

    if (inet_pton(AF_INET, text, &address) != 1)
        errx(2, "not an IPv4 address: %s", text);
    return address.s_addr;
}

/* The first IPv4 address of the interface, in network byte order. */
static in_addr_t interface_address(const char *interface)
{
    in_addr_t address = INADDR_ANY;
    struct ifaddrs *list, *entry;

    if (getifaddrs(&list) == -1)
        err(1, "getifaddrs");
    for (entry = list; entry != NULL && address == INADDR_ANY; entry = entry->ifa_next) {
        if (entry->ifa_addr != NULL && entry->ifa_addr->sa_family == AF_INET &&
            strcmp(entry->ifa_name, interface) == 0)
            address = ((struct sockaddr_in *)(void *)entry->ifa_addr)->sin_addr.s_addr;
    }
    freeifaddrs(list);
    if (address == INADDR_ANY)
        errx(1, "interface %s has no IPv4 address", interface);
    return address;
}

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

/* Reports each kind of error once: under load there are thousands. */
static void warn_once(int error)
{
    static u_char said[ERRNO_KINDS];

    if (error < 0 || error >= ERRNO_KINDS || said[error])
        return;
    said[error] = 1;
    warnx("cannot write a packet back: %s (said once)", strerror(error));
}

static void write_back(int fd, size_t len, const struct sockaddr_in *sin)
{
    ssize_t written;

    do {
        written = sendto(fd, packet.bytes, len, 0, (const struct sockaddr *)sin, sizeof(*sin));
    } while (written == -1 && errno == EINTR);
    if (written == -1)
        warn_once(errno);
}

static void translate_one(int fd, in_addr_t alias)
{
    struct sockaddr_in sin;
    socklen_t sin_len = sizeof(sin);
    enum verdict verdict;
    ssize_t len;

    len = recvfrom(fd, packet.bytes, sizeof(packet.bytes), 0, (struct sockaddr *)&sin, &sin_len);
    if (len == -1) {
        if (errno != EINTR && errno != EAGAIN && errno != ENOBUFS)
            err(1, "recvfrom");
        return;
    }
    if (sin.sin_addr.s_addr == INADDR_ANY)
        verdict = nat_outgoing(&packet.ip, (size_t)len, alias);
    else
        verdict = nat_incoming(&packet.ip, (size_t)len, alias);
    if (verdict == VERDICT_PASS)
        write_back(fd, (size_t)len, &sin);
}

static void update_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    table_set_time(now.tv_sec);
}

/* Wakes once a second at least: for the mappings' age, and for a signal just before select(). */
static void translate_until_stopped(int fd, in_addr_t alias)
{
    while (!stop_wanted) {
        struct timeval timeout = {.tv_sec = 1, .tv_usec = 0};
        fd_set readable;
        int ready;

        FD_ZERO(&readable);
        FD_SET(fd, &readable);
        ready = select(fd + 1, &readable, NULL, NULL, &timeout);
        if (ready == -1 && errno != EINTR)
            err(1, "select");
        update_clock();
        if (ready > 0)
            translate_one(fd, alias);
    }
}

int main(int argc, char *argv[])
{
    unsigned short port = DIVERT_PORT;
    in_addr_t alias = INADDR_ANY;
    int background = 0, fd, option;

    while ((option = getopt(argc, argv, "a:bfn:p:")) != -1) {
        switch (option) {
        case 'a':
            alias = parse_address(optarg);
            break;
        case 'b':
            background = 1;
            break;
        case 'f':
            background = 0;
            break;
        case 'n':
            alias = interface_address(optarg);
            break;
        case 'p':
            port = parse_port(optarg);
            break;
        default:
            usage();
        }
    }
    if (optind != argc || alias == INADDR_ANY)
        usage();

    catch_signals();
    fd = open_divert(port);
    if (background && daemon(0, 0) == -1)
        err(1, "daemon");
    translate_until_stopped(fd, alias);
    return 0;
}
